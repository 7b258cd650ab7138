//! Flags of each subcommand: a selection of the flags of a run.

use super::archive::ArchiveFileArgs;
use super::cargo::{CargoArgs, ManifestArgs, PlaceArgs};
use super::config::ConfigArgs;
use super::display::DisplayArgs;
use super::execution::{CaptureArgs, ExecutionArgs, JobArgs, LeakArgs, ListingArgs, TimeoutArgs};
use super::history::HistoryArgs;
use super::limits::LimitArgs;
use super::report::{ColorArgs, FileArgs, FormatArgs, OutputArgs, QuietArgs, RunFormatArgs};
use super::sandbox::{PolicyArgs, SandboxArgs, UpdateArgs, ViewArgs};
use super::selection::{CourseArgs, FiltersetArgs, NameArgs, SelectionArgs, ToolArgs};
use clap::Args;

/// All flags, in the order of the help page. A run takes all of them; flags that a subcommand does not take are absent.
#[derive(Debug, Default, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) archive: ArchiveFileArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    #[command(flatten)]
    pub(crate) course: CourseArgs,
    #[command(flatten)]
    pub(crate) tools: ToolArgs,
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
    #[command(flatten)]
    pub(crate) updates: UpdateArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) format: RunFormatArgs,
    #[command(flatten)]
    pub(crate) display: DisplayArgs,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) cargo: CargoArgs,
}

/// Flags of `list`, which builds and asks each test binary in a sandbox, but runs no test.
#[derive(Debug, Args)]
pub(crate) struct ListFlags {
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    archive: ArchiveFileArgs,
    #[command(flatten)]
    asking: AskingFlags,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cargo: CargoArgs,
}

/// Flags of `archive`, which builds, and asks each test binary in a sandbox if tests are to be selected.
#[derive(Debug, Args)]
pub(crate) struct ArchiveFlags {
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    filtersets: FiltersetArgs,
    #[command(flatten)]
    asking: AskingFlags,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cargo: CargoArgs,
}

/// Flags on test binaries that are asked for their tests in sandboxes, and run none.
#[derive(Debug, Args)]
pub(crate) struct AskingFlags {
    #[command(flatten)]
    jobs: JobArgs,
    #[command(flatten)]
    listing: ListingArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Flags on a program that is executed alone in its sandbox: for how long, in what, and within which limits.
#[derive(Debug, Args)]
pub(crate) struct ProgramFlags {
    #[command(flatten)]
    timeout: TimeoutArgs,
    #[command(flatten)]
    leaks: LeakArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Flags of doctests, which cargo builds and hands over one by one.
#[derive(Debug, Args)]
pub(crate) struct DoctestFlags {
    #[command(flatten)]
    program: ProgramFlags,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cargo: CargoArgs,
}

/// Flags of `exec`, which needs only the directories of a project.
#[derive(Debug, Args)]
pub(crate) struct ExecFlags {
    #[command(flatten)]
    program: ProgramFlags,
    #[command(flatten)]
    quiet: QuietArgs,
    #[command(flatten)]
    color: ColorArgs,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    manifest: ManifestArgs,
    #[command(flatten, next_help_heading = "Manifest")]
    place: PlaceArgs,
}

/// Flags of `shell`, which finds a test as a run does and runs a shell as `exec` runs a command.
#[derive(Debug, Args)]
pub(crate) struct ShellFlags {
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    jobs: JobArgs,
    #[command(flatten)]
    listing: ListingArgs,
    #[command(flatten)]
    program: ProgramFlags,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cargo: CargoArgs,
}

/// Flags of `explain`, which finds a test as a run does, but runs neither test nor command.
#[derive(Debug, Args)]
pub(crate) struct ExplainFlags {
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    jobs: JobArgs,
    #[command(flatten)]
    capture: CaptureArgs,
    #[command(flatten)]
    timeout: TimeoutArgs,
    #[command(flatten)]
    listing: ListingArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cargo: CargoArgs,
}

/// Flags of `show-config`: those of a run that settings come from.
#[derive(Debug, Args)]
pub(crate) struct ShowConfigFlags {
    #[command(flatten)]
    names: NameArgs,
    #[command(flatten)]
    execution: ExecutionArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    sandbox: SandboxArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    display: DisplayArgs,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cargo: CargoArgs,
}

/// Flags of `doctor`, which tries a sandbox with the host's root, without a project.
#[derive(Debug, Args)]
pub(crate) struct DoctorFlags {
    #[command(flatten)]
    views: ViewArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    report: ReportFlags,
}

/// Flags of `report`, which executes nothing.
#[derive(Debug, Args)]
pub(crate) struct ConvertFlags {
    #[command(flatten)]
    color: ColorArgs,
}

/// Flags of `evidence`, which needs only the directories of a project.
#[derive(Debug, Args)]
pub(crate) struct EvidenceFlags {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    color: ColorArgs,
    #[command(flatten)]
    manifest: ManifestArgs,
    #[command(flatten, next_help_heading = "Manifest")]
    place: PlaceArgs,
}

/// Flags of `init`, which needs only the project.
#[derive(Debug, Args)]
pub(crate) struct InitFlags {
    #[command(flatten)]
    color: ColorArgs,
    #[command(flatten)]
    manifest: ManifestArgs,
    #[command(flatten, next_help_heading = "Manifest")]
    place: PlaceArgs,
}

/// Flags of `ps` and `closure`, which make no sandbox.
#[derive(Debug, Args)]
pub(crate) struct ReportFlags {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    color: ColorArgs,
}

impl From<ListFlags> for Flags {
    fn from(flags: ListFlags) -> Self {
        let ListFlags { selection, archive, asking, format, config, cargo } = flags;
        Self { selection, archive, format: format.into(), config, cargo, ..asking.into() }
    }
}

impl From<ArchiveFlags> for Flags {
    fn from(flags: ArchiveFlags) -> Self {
        let ArchiveFlags { names, filtersets, asking, config, cargo } = flags;
        let selection = SelectionArgs { names, filtersets, ..SelectionArgs::default() };
        Self { selection, config, cargo, ..asking.into() }
    }
}

impl From<AskingFlags> for Flags {
    fn from(AskingFlags { jobs, listing, sandbox, policy }: AskingFlags) -> Self {
        let execution = ExecutionArgs { jobs, listing, ..ExecutionArgs::default() };
        Self { execution, sandbox, policy, ..Self::default() }
    }
}

impl From<ProgramFlags> for Flags {
    fn from(ProgramFlags { timeout, leaks, sandbox, limits, policy }: ProgramFlags) -> Self {
        let execution = ExecutionArgs { timeout, leaks, ..ExecutionArgs::default() };
        Self { execution, sandbox, limits, policy, ..Self::default() }
    }
}

impl From<DoctestFlags> for Flags {
    fn from(DoctestFlags { program, config, cargo }: DoctestFlags) -> Self {
        Self { config, cargo, ..program.into() }
    }
}

impl From<ExecFlags> for Flags {
    fn from(ExecFlags { program, quiet, color, config, manifest, place }: ExecFlags) -> Self {
        let output = OutputArgs { quiet, color, ..OutputArgs::default() };
        let mut cargo = CargoArgs { output, manifest, ..CargoArgs::default() };
        cargo.compilation.place = place;
        Self { config, cargo, ..program.into() }
    }
}

impl From<ShellFlags> for Flags {
    fn from(ShellFlags { names, jobs, listing, program, config, cargo }: ShellFlags) -> Self {
        let program = Self::from(program);
        let selection = SelectionArgs { names, ..SelectionArgs::default() };
        let execution = ExecutionArgs { jobs, listing, ..program.execution };
        Self { selection, execution, config, cargo, ..program }
    }
}

impl From<ExplainFlags> for Flags {
    fn from(flags: ExplainFlags) -> Self {
        let ExplainFlags { names, jobs, capture, timeout, listing, sandbox, limits, policy, config, cargo } =
            flags;
        let selection = SelectionArgs { names, ..SelectionArgs::default() };
        let execution = ExecutionArgs { jobs, capture, timeout, listing, ..ExecutionArgs::default() };
        Self { selection, execution, sandbox, limits, policy, config, cargo, ..Self::default() }
    }
}

impl From<ShowConfigFlags> for Flags {
    fn from(flags: ShowConfigFlags) -> Self {
        let ShowConfigFlags {
            names,
            execution,
            history,
            sandbox,
            limits,
            policy,
            format,
            display,
            config,
            cargo,
        } = flags;
        let selection = SelectionArgs { names, ..SelectionArgs::default() };
        Self {
            selection,
            execution,
            history,
            sandbox,
            limits,
            policy,
            format: format.into(),
            display,
            config,
            cargo,
            ..Self::default()
        }
    }
}

impl From<DoctorFlags> for Flags {
    fn from(DoctorFlags { views, policy, report }: DoctorFlags) -> Self {
        let sandbox = SandboxArgs { views, ..SandboxArgs::default() };
        Self { sandbox, policy, ..Self::from(report) }
    }
}

impl From<ConvertFlags> for Flags {
    fn from(ConvertFlags { color }: ConvertFlags) -> Self {
        let output = OutputArgs { color, ..OutputArgs::default() };
        Self { cargo: CargoArgs { output, ..CargoArgs::default() }, ..Self::default() }
    }
}

impl From<EvidenceFlags> for Flags {
    fn from(EvidenceFlags { format, color, manifest, place }: EvidenceFlags) -> Self {
        let output = OutputArgs { color, ..OutputArgs::default() };
        let mut cargo = CargoArgs { output, manifest, ..CargoArgs::default() };
        cargo.compilation.place = place;
        Self { format: format.into(), cargo, ..Self::default() }
    }
}

impl From<InitFlags> for Flags {
    fn from(InitFlags { color, manifest, place }: InitFlags) -> Self {
        EvidenceFlags { format: FormatArgs::default(), color, manifest, place }.into()
    }
}

impl From<ReportFlags> for Flags {
    fn from(ReportFlags { format, color }: ReportFlags) -> Self {
        let output = OutputArgs { color, ..OutputArgs::default() };
        Self { format: format.into(), cargo: CargoArgs { output, ..CargoArgs::default() }, ..Self::default() }
    }
}
