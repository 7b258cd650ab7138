//! Cargo's own flags: parsed as far as isotest needs them, and passed on to `cargo test` as given.

use super::numbers;
use super::report::OutputArgs;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Flags that are passed on to `cargo test`.
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

/// Target selection flags.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Targets")]
#[expect(clippy::struct_excessive_bools, reason = "each is one of cargo's flags")]
pub(crate) struct TargetArgs {
    /// Test only the library
    #[arg(long)]
    lib: bool,
    /// Test all binaries
    #[arg(long)]
    bins: bool,
    /// Test only this binary
    #[arg(long, value_name = "NAME")]
    bin: Vec<OsString>,
    /// Test all examples
    #[arg(long)]
    examples: bool,
    /// Test only this example
    #[arg(long, value_name = "NAME")]
    example: Vec<OsString>,
    /// Test all targets with `test = true`
    #[arg(long)]
    tests: bool,
    /// Test only this integration test
    #[arg(long, value_name = "NAME")]
    test: Vec<OsString>,
    /// Test all targets with `bench = true`
    #[arg(long)]
    benches: bool,
    /// Test only this benchmark
    #[arg(long, value_name = "NAME")]
    bench: Vec<OsString>,
    /// Test all targets, without doctests
    #[arg(long)]
    all_targets: bool,
}

/// Compilation flags.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Compilation")]
pub(crate) struct CompilationArgs {
    /// Build in release mode, with optimizations
    #[arg(short, long)]
    release: bool,
    /// Build with this cargo profile
    #[arg(long, value_name = "NAME")]
    cargo_profile: Option<OsString>,
    /// Build for this target triple
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Vec<OsString>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Build although a package asks for a newer Rust
    #[arg(long)]
    ignore_rust_version: bool,
    /// Number of parallel build jobs [default: number of CPUs]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = numbers::build_jobs)]
    build_jobs: Option<OsString>,
}

/// The `--target-dir` flag.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PlaceArgs {
    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) target_dir: Option<PathBuf>,
}

/// Manifest flags: which workspace, and how cargo resolves it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Manifest")]
pub(crate) struct ManifestArgs {
    #[command(flatten)]
    manifest: clap_cargo::Manifest,
    /// Require Cargo.lock to stay unchanged
    #[arg(long)]
    locked: bool,
    /// Run cargo without accessing the network
    #[arg(long)]
    offline: bool,
    /// Same as --locked and --offline together
    #[arg(long)]
    frozen: bool,
    /// Override a cargo configuration value
    ///
    /// Only after `isotest`: cargo passes on none of the options before it.
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub(crate) config: Vec<String>,
    /// Unstable (nightly-only) flags of cargo
    #[arg(short = 'Z', value_name = "FLAG")]
    unstable: Vec<OsString>,
}

impl CargoArgs {
    /// Builds the arguments of `cargo test`.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut line = Line::default();
        self.append_output(&mut line);
        self.append_build(&mut line);
        line.words
    }

    /// Builds those of the arguments of `cargo test` that say what is built, and how.
    pub(crate) fn of_build(&self) -> Vec<OsString> {
        let mut line = Line::default();
        self.append_build(&mut line);
        line.words
    }

    fn append_build(&self, line: &mut Line) {
        self.append_packages(line);
        self.targets.append(line);
        line.values("--features", &self.features.features);
        line.flag("--all-features", self.features.all_features);
        line.flag("--no-default-features", self.features.no_default_features);
        self.compilation.append(line);
        self.manifest.append(line);
    }

    /// Returns what of the build figures of tests depend on, each by a name.
    pub(crate) fn conditions(&self) -> [(&'static str, String); 3] {
        let profile = self.compilation.cargo_profile.as_ref().map(|name| name.to_string_lossy().into_owned());
        let profile =
            profile.unwrap_or_else(|| if self.compilation.release { "release" } else { "test" }.to_owned());
        let mut features: Vec<_> =
            self.features.features.iter().flat_map(|names| names.split([',', ' '])).collect();
        features.sort_unstable();
        features.dedup();
        features.extend(self.features.no_default_features.then_some("--no-default-features"));
        features.extend(self.features.all_features.then_some("--all-features"));
        let targets: Vec<_> = self.compilation.target.iter().map(|target| target.to_string_lossy()).collect();
        [("profile", profile), ("features", features.join(" ")), ("target", targets.join(" "))]
    }

    /// Builds the arguments of `cargo metadata`.
    pub(crate) fn metadata_arguments(&self) -> Vec<OsString> {
        let mut line = Line::default();
        self.manifest.append(&mut line);
        line.words
    }

    /// Builds the arguments of cargo that say how the tests of any package are executed.
    pub(crate) fn configuration_arguments(&self) -> Vec<OsString> {
        let mut line = Line::default();
        line.values("--target", &self.compilation.target);
        self.manifest.append_configuration(&mut line);
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
    /// Returns whether a target is selected explicitly: cargo then runs no doctests.
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
        line.flag("--ignore-rust-version", self.ignore_rust_version);
        line.values("--jobs", self.build_jobs.as_slice());
    }
}

impl ManifestArgs {
    /// Returns whether `--manifest-path` was given.
    pub(crate) const fn is_named(&self) -> bool {
        self.manifest.manifest_path.is_some()
    }

    fn append(&self, line: &mut Line) {
        line.values("--manifest-path", self.manifest.manifest_path.as_slice());
        line.flag("--locked", self.locked);
        line.flag("--offline", self.offline);
        line.flag("--frozen", self.frozen);
        self.append_configuration(line);
    }

    fn append_configuration(&self, line: &mut Line) {
        line.values("--config", &self.config);
        line.values("-Z", &self.unstable);
    }
}

/// Builder of a command line.
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
            "--release --target x --target y --target-dir z --ignore-rust-version",
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
    fn what_configures_cargo_is_told_of_no_project() {
        let line = "-p a --lib -r --target x --manifest-path m --frozen --config a.b=1 -Z d";
        let alone = Alone::parse_from(std::iter::once("x").chain(line.split(' ')));
        assert_eq!(alone.cargo.configuration_arguments(), ["--target", "x", "--config", "a.b=1", "-Z", "d"]);
    }

    #[test]
    fn metadata_is_told_of_the_project_only() {
        let alone = Alone::parse_from(["x", "-p", "a", "--lib", "--manifest-path", "m", "--frozen", "-v"]);
        assert_eq!(alone.cargo.metadata_arguments(), ["--manifest-path", "m", "--frozen"]);
        assert!(alone.cargo.targets.is_narrowed());
    }
}
