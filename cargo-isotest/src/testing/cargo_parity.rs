//! Comparison of test binaries, environments and listings with those of cargo and cargo-nextest.

use crate::cargo::build::{self, Build, Workspace};
use crate::cargo::error::{CargoError, Stage};
use crate::cli::{CargoArgs, Cli};
use crate::error::Error;
use crate::harness::libtest::{self, Answer, LIST_ARGUMENTS, Listing};
use crate::invocation::Invocation;
use crate::testcase::TestBinary;
use cargo_metadata::Message;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

// `environ` is what cargo gave the shell; what the shell passes on is not quite that.
const DUMP: &str = r#"
{ readlink -n /proc/$$/cwd; printf '\0'
  printf '%s\0' "$#" "$@"
  cat /proc/$$/environ; printf '\0'; } >> "$DUMP"
"#;

/// Process started by cargo.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    directory: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
}

// What cargo calls us with. It sets the last two for itself, unless they are set, and all it starts inherit them.
const FROM_CARGO: [&str; 8] = [
    "PATH",
    "HOME",
    "CARGO",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// Fixture project with a target directory.
struct Oracle {
    scratch: TempDir,
    invocation: Invocation,
}

impl Oracle {
    fn new(project: &str, environment: &[(&str, &str)]) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/projects").join(project);
        Self::within(&directory, environment)
    }

    fn within(directory: &Path, environment: &[(&str, &str)]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let ours = FROM_CARGO.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
        let mut invocation =
            Invocation { environment: ours.collect(), directory: directory.canonicalize().unwrap() };
        // A toolchain is the machine's: where one is missing, a test fails and fetches none.
        invocation.environment.push(("RUSTUP_AUTO_INSTALL".into(), "0".into()));
        invocation.environment.extend(environment.iter().map(|(name, value)| (name.into(), value.into())));
        invocation.environment.push(("CARGO_TARGET_DIR".into(), scratch.path().join("target").into()));
        invocation.environment.push(("DUMP".into(), scratch.path().join("dump").into()));
        fs::write(scratch.path().join("dump.sh"), DUMP).unwrap();
        Self { scratch, invocation }
    }

    fn cargo(&self) -> Command {
        let mut command = self.invocation.command(self.invocation.variable("CARGO").unwrap());
        command.arg("--offline");
        command
    }

    fn runner(&self) -> String {
        format!("sh {}", self.scratch.path().join("dump.sh").display())
    }

    fn run_by(&mut self, runner: &str) {
        let name = format!("CARGO_TARGET_{}_RUNNER", host().to_uppercase().replace('-', "_"));
        self.invocation.environment.push((name.into(), runner.into()));
    }

    fn build(&self, flags: &[&str]) -> Build {
        self.try_build(flags).unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    fn try_build(&self, flags: &[&str]) -> Result<Build, Error> {
        let words = ["cargo-isotest", "--offline"].iter().chain(flags).map(OsString::from);
        let arguments = Cli::read(words, &[]).unwrap().flags.cargo;
        Workspace::read(&arguments, &self.invocation)?.build_by(compile, &arguments, |_| Ok(false))
    }

    /// Returns the processes that `cargo test` starts, in order.
    fn processes(&self, flags: &[&str]) -> Vec<Process> {
        let output = self.cargo().arg("test").args(flags).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = self.scratch.path().join("dump");
        let dump = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        let items: Vec<_> = dump.split(|&byte| byte == 0).collect();
        let records = items.split(|item| item.is_empty()).filter(|record| !record.is_empty());
        records.map(Process::read).collect()
    }

    fn check(&self, flags: &[&str], binaries: usize) {
        let ours = self.build(flags).binaries;
        let theirs = self.processes(flags);
        assert_eq!(ours.len(), binaries);
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(&Process::start(ours), theirs, "{}", ours.id);
        }
    }
}

/// Compiles without a reaper, since the test executable cannot act as one.
fn compile(
    cargo: &OsStr,
    arguments: &CargoArgs,
    invocation: &Invocation,
) -> Result<Vec<Message>, CargoError> {
    let unread = |source: io::Error| CargoError::Answer {
        program: cargo.into(),
        stage: Stage::Build,
        source: source.into(),
    };
    let mut command = build::no_run(invocation.command(cargo), arguments);
    let output = command.stderr(Stdio::inherit()).output().map_err(unread)?;
    if !output.status.success() {
        return Err(CargoError::Build(output.status));
    }
    build::read_messages(output.stdout.as_slice()).map_err(unread)
}

fn host() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

impl Process {
    fn read(record: &[&[u8]]) -> Self {
        let count: usize = std::str::from_utf8(record[1]).unwrap().parse().unwrap();
        let (arguments, environment) = record[2..].split_at(count);
        let text = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        let variable = |item: &&[u8]| {
            let equals = item.iter().position(|&byte| byte == b'=').unwrap();
            (text(&item[..equals]), text(&item[equals + 1..]))
        };
        Self {
            directory: text(record[0]).into(),
            arguments: arguments.iter().map(|argument| text(argument)).collect(),
            environment: environment.iter().map(variable).collect(),
        }
    }

    fn start(binary: &TestBinary) -> Self {
        let (program, arguments) = libtest::command(binary, []);
        assert_eq!(program, "sh");
        Self {
            directory: binary.directory.clone(),
            // The shell keeps the name of its script for itself.
            arguments: arguments[1..].to_vec(),
            environment: binary.environment.iter().cloned().collect(),
        }
    }
}

#[test]
fn cargo_gives_the_same_environment() {
    let invocation = [
        ("NOT_OVER_CALLER", "invocation"),
        ("FORCED_OVER_CALLER", "invocation"),
        ("LD_LIBRARY_PATH", "/opt/one::/opt/two"),
        ("CARGO_PKG_NAME", "invocation"),
        ("OUT_DIR", "invocation"),
    ];
    let mut oracle = Oracle::new("surroundings", &invocation);
    let runner = oracle.runner() + " --flag";
    oracle.run_by(&runner);
    oracle.check(&["--workspace", "--all-targets"], 9);
}

#[test]
fn cargo_gives_the_same_environment_to_another_target_and_profile() {
    let oracle = Oracle::new("surroundings", &[("LD_LIBRARY_PATH", "")]);
    let host = host();
    let runner = format!("target.{host}.runner={:?}", oracle.runner());
    let flags = ["--workspace", "--all-targets", "--release", "--target", &host, "--config", &runner];
    oracle.check(&flags, 9);
}

#[test]
fn cargo_gives_the_same_environment_under_its_configuration() {
    let mut oracle = Oracle::new("surroundings", &[("FORCED_OVER_CALLER", "invocation")]);
    let runner = oracle.runner();
    oracle.run_by(&runner);
    let build = format!("build.build-dir={:?}", oracle.scratch.path().join("intermediate"));
    let target = oracle.scratch.path().join("elsewhere");
    let flags = [
        "--tests",
        "--config",
        &build,
        "--target-dir",
        target.to_str().unwrap(),
        "--config",
        "env.FROM_CONFIG='argument'",
        "--config",
        "env.RELATIVE.value='here'",
        "--config",
        "env.RELATIVE.relative=true",
        "--config",
        "env.FORCED_OVER_CALLER.value='argument'",
    ];
    oracle.check(&flags, 6);
}

/// Returns the configuration of a runner for a triple or a `cfg(...)`.
fn named(oracle: &Oracle, key: &str, name: &str) -> String {
    format!("target.\"{key}\".runner=\"{} {name}\"", oracle.runner())
}

/// Package with an empty library, and with cargo's configuration.
struct Configured {
    place: TempDir,
}

impl Configured {
    fn new() -> Self {
        let this = Self { place: tempfile::Builder::new().prefix("it's a place").tempdir().unwrap() };
        for directory in ["src", ".cargo"] {
            fs::create_dir(this.place.path().join(directory)).unwrap();
        }
        let manifest =
            "[package]\nname = \"runs\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
        this.write("Cargo.toml", manifest);
        this.write("src/lib.rs", "");
        this
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.place.path().join(path), text).unwrap();
    }
}

#[test]
fn cargo_takes_the_same_of_several_runners() {
    let configured = Configured::new();
    let (place, write) = (&configured.place, |path: &str, text: &str| configured.write(path, text));
    let mut oracle = Oracle::within(place.path(), &[("RUSTFLAGS", "--cfg special")]);
    let host = host();
    // In a file; on the command line, of which the last holds.
    let cases: [(&[&str], &[&str]); 10] = [
        (&[], &["cfg(unix)"]),
        (&[], &["cfg(debug_assertions)"]),
        (&[], &["cfg(windows)", "cfg(not)", "cfg(all(unix, not(windows)))"]),
        (&[], &["cfg(special)"]),
        (&[], &["cfg(unix)", "cfg(unix)"]),
        (&[], &[&host, "cfg(unix)"]),
        (&["cfg(unix)"], &["cfg(unix)"]),
        (&["cfg(unix)"], &["cfg(windows)"]),
        (&[&host], &["cfg(unix)"]),
        (&[&host, "cfg(unix)"], &["cfg(unix)", &host]),
    ];
    let check = |oracle: &Oracle, (file, line): (&[&str], &[&str])| {
        let in_file = file.iter().map(|key| named(oracle, key, "--file") + "\n");
        write(".cargo/config.toml", &in_file.collect::<String>());
        let line =
            line.iter().enumerate().map(|(number, key)| named(oracle, key, &format!("--line={number}")));
        let line: Vec<_> = line.flat_map(|config| ["--config".to_owned(), config]).collect();
        oracle.check(&line.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    };
    for case in cases {
        check(&oracle, case);
    }
    let runner = oracle.runner() + " --variable";
    oracle.run_by(&runner);
    check(&oracle, (&[], &["cfg(unix)"]));
    check(&oracle, (&[], &["cfg(unix)", &host]));
}

#[test]
fn cargo_includes_the_same_files() {
    let configured = Configured::new();
    let oracle = Oracle::within(configured.place.path(), &[]);
    configured.write(
        ".cargo/config.toml",
        "include = ['list.toml', { path = 'table.toml' }, { path = 'absent.toml', optional = true }]\n\
         env.OF = 'file'\nenv.OF_FILE = 'file'\n",
    );
    configured.write(".cargo/list.toml", "env.OF = 'list'\nenv.OF_LIST = 'list'\n");
    let runner = named(&oracle, "cfg(unix)", "--table");
    configured.write(
        ".cargo/table.toml",
        &format!("{runner}\n[env]\nOF_TABLE = {{ value = 'here', relative = true }}\n"),
    );
    oracle.check(&[], 1);
    configured.write("more.toml", "include = ['most.toml']\nenv.OF_FILE = 'more'\n");
    configured.write("most.toml", &named(&oracle, &host(), "--most"));
    oracle.check(&["--config", "more.toml"], 1);
    let given = oracle.build(&["--config", "more.toml"]).binaries[0].clone();
    let is_set = |name: &str, value: &str| given.environment.contains(&(name.into(), value.into()));
    assert!(is_set("OF", "file") && is_set("OF_LIST", "list") && is_set("OF_FILE", "more"));
    assert_eq!(given.runner.last(), Some(&"--most".into()));
}

#[test]
fn cargo_takes_the_same_of_a_variable_and_a_file() {
    let configured = Configured::new();
    let caller =
        [("CARGO_ENV_GREETING", "variable"), ("CARGO_ENV_ALONE", "variable"), ("INHERITED", "caller")];
    let mut oracle = Oracle::within(configured.place.path(), &caller);
    configured
        .write(".cargo/config.toml", "[env]\nGREETING = 'file'\nINHERITED = 'file'\nTEXT = \"a 'b`\\nc\"\n");
    let runner = oracle.runner();
    oracle.run_by(&runner);
    oracle.check(&[], 1);
    let environment = &oracle.build(&[]).binaries[0].environment;
    assert!(environment.contains(&("GREETING".into(), "variable".into())));
    assert!(environment.contains(&("TEXT".into(), "a 'b`\nc".into())));
}

#[test]
fn cargo_decides_the_same_of_which_cfg_is_true() {
    let configured = Configured::new();
    let oracle = Oracle::within(configured.place.path(), &[]);
    let write = |key: &str| {
        let runner = named(&oracle, key, key.replace(|letter: char| !letter.is_alphabetic(), "").as_str());
        configured
            .write(".cargo/config.toml", &format!("build.rustflags = ['--cfg', 'special']\n{runner}\n"));
    };
    let host = host();
    let flags: [&[&str]; 3] = [&[], &["--release"], &["--target", &host]];
    for key in ["cfg(special)", "cfg(debug_assertions)"] {
        write(key);
        for flags in flags {
            oracle.check(flags, 1);
            assert!(!oracle.build(flags).binaries[0].runner.is_empty(), "{key} {flags:?}");
        }
    }
    write("cfg(not(special))");
    assert_eq!(oracle.build(&[]).binaries[0].runner, [""; 0]);
}

#[test]
fn cargo_finds_the_same_runner_relative_to_its_file() {
    let configured = Configured::new();
    let write = |path: &str, text: &str| configured.write(path, text);
    fs::create_dir(configured.place.path().join("bin")).unwrap();
    let oracle = Oracle::within(configured.place.path(), &[]);
    write("bin/run it", &format!("#!/bin/sh\nexec {} \"$@\"\n", oracle.runner()));
    let program = configured.place.path().join("bin/run it");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    write(".cargo/config.toml", "[target.'cfg(unix)']\nrunner = ['bin/run it', 'a b', \"it's!\"]\n");
    let runner = oracle.build(&[]).binaries[0].runner.clone();
    assert_eq!(runner, [program.as_os_str(), "a b".as_ref(), "it's!".as_ref()]);
    let theirs = oracle.processes(&[]);
    assert_eq!(theirs[0].arguments[..2], ["a b", "it's!"]);
}

#[test]
fn cargo_refuses_two_runners_that_match() {
    let oracle = Oracle::new("surroundings", &[]);
    let two = [named(&oracle, "cfg(unix)", "--one"), named(&oracle, "cfg(all())", "--two")];
    let flags = ["-p", "plain", "--config", &two[0], "--config", &two[1]];
    assert!(!oracle.cargo().args(["test", "--no-run"]).args(flags).output().unwrap().status.success());
    let refused = oracle.try_build(&flags).err();
    assert!(matches!(refused.as_ref().and_then(Error::of_area), Some(CargoError::Build(_))));
}

#[test]
fn cargo_gives_a_member_that_inherits_its_fields_the_same_environment() {
    let mut oracle = Oracle::new("surroundings", &[]);
    let runner = oracle.runner();
    oracle.run_by(&runner);
    oracle.check(&["-p", "plain"], 1);
}

#[test]
fn cargo_keeps_a_library_path_that_begins_with_its_own() {
    let mut oracle = Oracle::new("surroundings", &[]);
    let runner = oracle.runner();
    oracle.run_by(&runner);
    let environment = oracle.build(&["-p", "plain"]).binaries[0].environment.clone();
    let own = environment.into_iter().find(|(name, _)| name == "LD_LIBRARY_PATH").unwrap().1;
    let longer = own.into_string().unwrap() + ":/opt/more";
    oracle.invocation.environment.push(("LD_LIBRARY_PATH".into(), longer.into()));
    oracle.check(&["-p", "plain"], 1);
}

#[test]
fn cargo_gives_the_same_environment_with_a_wrapped_compiler() {
    // A wrapper is given the compiler and its arguments, and `env` executes them.
    let mut oracle = Oracle::new("surroundings", &[("RUSTC_WRAPPER", "/usr/bin/env")]);
    let runner = oracle.runner();
    oracle.run_by(&runner);
    oracle.check(&["-p", "plain"], 1);
}

#[test]
fn documentation_that_is_not_tested_is_named() {
    let oracle = Oracle::new("surroundings", &[]);
    assert_eq!(oracle.build(&["--workspace"]).untested_documentation, ["macros", "surroundings"]);
    assert_eq!(oracle.build(&["-p", "plain"]).untested_documentation, [""; 0]);
    assert_eq!(oracle.build(&["--lib"]).untested_documentation, [""; 0]);
}

#[test]
fn the_directories_of_a_project_are_known() {
    let oracle = Oracle::new("surroundings", &[]);
    let directories = oracle.build(&["-p", "plain", "-p", "surroundings", "--lib"]).directories;
    let project = &oracle.invocation.directory;
    assert_eq!(&directories.workspace, project);
    assert_eq!(directories.packages, [project.clone(), project.join("plain")]);
    assert_eq!(directories.target, oracle.scratch.path().join("target"));
    assert_eq!(directories.build, directories.target);
}

/// Names of the tests of each binary, with their `#[ignore]` flags.
type Names = BTreeMap<String, BTreeMap<String, bool>>;

fn names(binary: &Arc<TestBinary>) -> BTreeMap<String, bool> {
    let outputs = LIST_ARGUMENTS.map(|arguments| {
        let mut command = Command::new(&binary.path);
        command
            .args(arguments)
            .current_dir(&binary.directory)
            .env_clear()
            .envs(binary.environment.iter().cloned());
        command.output().unwrap()
    });
    let answers = outputs.each_ref().map(|output| Answer {
        stdout: &output.stdout,
        stderr: &output.stderr,
        code: output.status.code().unwrap(),
    });
    match libtest::listing(binary, answers).unwrap() {
        Listing::Tests(tests) => tests.into_iter().map(|test| (test.name, test.ignored)).collect(),
        Listing::Whole(test, reason) => {
            assert_eq!((test.name.as_str(), reason), ("custom", libtest::WholeReason::Silent));
            BTreeMap::new()
        }
    }
}

fn names_by_nextest(oracle: &Oracle, flags: &[&str]) -> Names {
    let mut command = oracle.cargo();
    let output = command.args(["nextest", "list", "--message-format", "json"]).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let suites = list["rust-suites"].as_object().unwrap().iter();
    let tests = |suite: &serde_json::Value| {
        let tests = suite["testcases"].as_object().unwrap().iter();
        tests.map(|(name, test)| (name.clone(), test["ignored"].as_bool().unwrap())).collect()
    };
    suites.map(|(id, suite)| (id.clone(), tests(suite))).collect()
}

#[test]
fn nextest_names_the_same_binaries_and_tests() {
    let oracle = Oracle::new("surroundings", &[]);
    let flags = ["--workspace", "--all-targets"];
    if !oracle.cargo().args(["nextest", "--version"]).output().unwrap().status.success() {
        #[expect(clippy::print_stderr, reason = "a check that did not happen must be seen")]
        {
            eprintln!("SKIPPED: cargo-nextest is not installed, so nothing was compared with it");
        }
        return;
    }
    let ours: Names =
        oracle.build(&flags).binaries.iter().map(|binary| (binary.id.clone(), names(binary))).collect();
    assert_eq!(ours.len(), 9);
    assert_eq!(ours, names_by_nextest(&oracle, &flags));
}
