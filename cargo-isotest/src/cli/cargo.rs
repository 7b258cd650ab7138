//! The flags that are cargo's: understood so far as is needed, and handed on as they were given.

use super::report::OutputArgs;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Everything that `cargo test` is told.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CargoArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = "Packages")]
    pub(crate) packages: clap_cargo::Workspace,
    #[command(flatten)]
    pub(crate) targets: TargetArgs,
    #[command(flatten, next_help_heading = "Features")]
    pub(crate) features: clap_cargo::Features,
    #[command(flatten)]
    pub(crate) compilation: CompilationArgs,
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,
}

/// Which targets of the packages are built.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Targets")]
#[expect(clippy::struct_excessive_bools, reason = "each is one of cargo's flags")]
pub(crate) struct TargetArgs {
    /// Only the library
    #[arg(long)]
    lib: bool,
    /// All programs
    #[arg(long)]
    bins: bool,
    /// Only this program
    #[arg(long, value_name = "NAME")]
    bin: Vec<OsString>,
    /// All examples
    #[arg(long)]
    examples: bool,
    /// Only this example
    #[arg(long, value_name = "NAME")]
    example: Vec<OsString>,
    /// All targets with `test = true`
    #[arg(long)]
    tests: bool,
    /// Only this integration test
    #[arg(long, value_name = "NAME")]
    test: Vec<OsString>,
    /// All targets with `bench = true`
    #[arg(long)]
    benches: bool,
    /// Only this benchmark
    #[arg(long, value_name = "NAME")]
    bench: Vec<OsString>,
    /// All targets
    #[arg(long)]
    all_targets: bool,
}

/// How they are built.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Compilation")]
pub(crate) struct CompilationArgs {
    /// Build with optimisation
    #[arg(short, long)]
    release: bool,
    /// Build with this profile of cargo's
    #[arg(long, value_name = "NAME")]
    cargo_profile: Option<OsString>,
    /// Build for this target triple
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<OsString>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How many build jobs cargo has at once
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    build_jobs: Option<OsString>,
}

/// Where built files are kept.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PlaceArgs {
    /// Where built files are kept
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) target_dir: Option<PathBuf>,
}

/// Which project, and how cargo treats it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Manifest")]
pub(crate) struct ManifestArgs {
    #[command(flatten)]
    manifest: clap_cargo::Manifest,
    /// Refuse to change Cargo.lock
    #[arg(long)]
    locked: bool,
    /// Do without the network
    #[arg(long)]
    offline: bool,
    /// Both --locked and --offline
    #[arg(long)]
    frozen: bool,
    /// Override a value of cargo's configuration
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub(crate) config: Vec<String>,
    /// Unstable flags of cargo
    #[arg(short = 'Z', value_name = "FLAG")]
    unstable: Vec<OsString>,
}

impl CargoArgs {
    /// All of it as `cargo test` wants it.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut line = Line::default();
        self.append_output(&mut line);
        self.append_packages(&mut line);
        self.targets.append(&mut line);
        line.values("--features", &self.features.features);
        line.flag("--all-features", self.features.all_features);
        line.flag("--no-default-features", self.features.no_default_features);
        self.compilation.append(&mut line);
        self.manifest.append(&mut line);
        line.words
    }

    /// What `cargo metadata` must know of it.
    pub(crate) fn metadata_arguments(&self) -> Vec<OsString> {
        let mut line = Line::default();
        self.manifest.append(&mut line);
        line.words
    }

    fn append_output(&self, line: &mut Line) {
        for _ in 0..self.output.verbose {
            line.flag("--verbose", true);
        }
        line.flag("--quiet", self.output.quiet.quiet);
        line.values("--color", self.output.color.color.map(|when| when.to_string()).as_slice());
    }

    fn append_packages(&self, line: &mut Line) {
        line.values("--package", &self.packages.package);
        line.flag("--workspace", self.packages.workspace || self.packages.all);
        line.values("--exclude", &self.packages.exclude);
    }
}

impl TargetArgs {
    /// Whether any target was named. Cargo tests documentation only if none was.
    pub(crate) fn is_narrowed(&self) -> bool {
        let mut line = Line::default();
        self.append(&mut line);
        !line.words.is_empty()
    }

    fn append(&self, line: &mut Line) {
        line.flag("--lib", self.lib);
        line.flag("--bins", self.bins);
        line.values("--bin", &self.bin);
        line.flag("--examples", self.examples);
        line.values("--example", &self.example);
        line.flag("--tests", self.tests);
        line.values("--test", &self.test);
        line.flag("--benches", self.benches);
        line.values("--bench", &self.bench);
        line.flag("--all-targets", self.all_targets);
    }
}

impl CompilationArgs {
    fn append(&self, line: &mut Line) {
        line.flag("--release", self.release);
        line.values("--profile", self.cargo_profile.as_slice());
        line.values("--target", &self.target);
        line.values("--target-dir", self.place.target_dir.as_slice());
        line.values("--jobs", self.build_jobs.as_slice());
    }
}

impl ManifestArgs {
    /// Whether a project was named.
    pub(crate) const fn is_named(&self) -> bool {
        self.manifest.manifest_path.is_some()
    }

    fn append(&self, line: &mut Line) {
        line.values("--manifest-path", self.manifest.manifest_path.as_slice());
        line.flag("--locked", self.locked);
        line.flag("--offline", self.offline);
        line.flag("--frozen", self.frozen);
        line.values("--config", &self.config);
        line.values("-Z", &self.unstable);
    }
}

/// A command line in the making.
#[derive(Debug, Default)]
struct Line {
    words: Vec<OsString>,
}

impl Line {
    fn flag(&mut self, name: &str, given: bool) {
        if given {
            self.words.push(name.into());
        }
    }

    fn values(&mut self, name: &str, values: &[impl Clone + Into<OsString>]) {
        for value in values {
            self.words.extend([name.into(), value.clone().into()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        cargo: CargoArgs,
    }

    fn handed_on(arguments: &str) -> String {
        let alone = Alone::parse_from(std::iter::once("x").chain(arguments.split_whitespace()));
        let words: Vec<_> =
            alone.cargo.arguments().into_iter().map(|word| word.into_string().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn every_flag_is_handed_on_in_cargo_s_words() {
        for line in [
            "--verbose --verbose --color always",
            "--quiet --color never",
            "--package a --package b --workspace --exclude c",
            "--lib --bins --bin a --examples --example b --tests --test c --benches --bench d --all-targets",
            "--features a --features b,c --all-features --no-default-features",
            "--release --target x --target y --target-dir z",
            "--manifest-path m/Cargo.toml --locked --offline --frozen --config a.b=1 --config c.toml -Z d",
        ] {
            assert_eq!(handed_on(line), line);
        }
    }

    #[test]
    fn words_that_mean_something_else_here_are_translated() {
        assert_eq!(handed_on("-p a -F b --all"), "--package a --workspace --features b");
        assert_eq!(handed_on("-r --cargo-profile ci --build-jobs -1"), "--release --profile ci --jobs -1");
    }

    #[test]
    fn metadata_is_told_of_the_project_only() {
        let alone = Alone::parse_from(["x", "-p", "a", "--lib", "--manifest-path", "m", "--frozen", "-v"]);
        assert_eq!(alone.cargo.metadata_arguments(), ["--manifest-path", "m", "--frozen"]);
        assert!(alone.cargo.targets.is_narrowed());
    }
}
