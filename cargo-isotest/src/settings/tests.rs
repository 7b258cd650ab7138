//! Tests that each source of a setting is read, and of their precedence.

use super::layer::Layer;
use super::limits::LimitSettings;
use super::test::TestLayer;
use super::*;
use crate::cli::{Cli, Network, RootKind, RootPath, RootWord, RunFormat, RunIgnored};
use crate::invocation::Invocation;
use crate::values::{FlakyResult, Jobs, MaxFail, Priority, Retries, SlowTimeout, ThreadsRequired};
use isotest_core::Bytes;
use isotest_core::MilliCpu;
use isotest_core::limits::{Limits, ProcessLimits, Rlimit};
use isotest_core::policy::{Capability, Level, Policy};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

fn settings_with(environment: &[(&str, &str)], arguments: &[&str]) -> Result<Settings, SettingsError> {
    let words = std::iter::once("cargo-isotest").chain(arguments.iter().copied()).map(OsString::from);
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let capabilities = Capability::ALL.map(Capability::as_str);
    let invocation = Invocation { environment, directory: "/usr".into() };
    Said::read(Cli::read(words, &capabilities).unwrap(), &invocation)?.settings()
}

fn settings(arguments: &[&str]) -> Result<Settings, SettingsError> {
    settings_with(&[], arguments)
}

fn refusal(arguments: &[&str]) -> String {
    settings(arguments).unwrap_err().to_string()
}

#[test]
fn words_before_and_after_the_dashes_are_one_selection() {
    let selection =
        settings(&["a", "--skip", "b", "--", "c", "--skip", "d", "--exact", "--ignored"]).unwrap().selection;
    assert_eq!(selection.filters, ["a", "c"]);
    assert_eq!(selection.skips, ["b", "d"]);
    assert!(selection.exact);
    assert_eq!(selection.ignored, RunIgnored::Only);
}

#[test]
fn ignored_tests_are_wanted_in_one_way_only() {
    assert!(settings(&["--run-ignored", "all", "--", "--include-ignored"]).is_ok());
    let text = refusal(&["--run-ignored", "all", "--", "--ignored"]);
    assert_eq!(text, "`--run-ignored all` and `-- --ignored` contradict each other");
    let text = refusal(&["--", "--ignored", "--include-ignored"]);
    assert_eq!(text, "`-- --ignored` and `-- --include-ignored` contradict each other");
}

/// Returns the settings of a command line, with a lower layer between the environment and the defaults.
fn with_lower(arguments: &[&str], lower: Layer) -> Result<Settings, SettingsError> {
    let words = std::iter::once("cargo-isotest").chain(arguments.iter().copied()).map(OsString::from);
    let cli = Cli::read(words, &Capability::ALL.map(Capability::as_str)).unwrap();
    let environment = vec![("RUST_TEST_THREADS".into(), "3".into())];
    let invocation = Invocation { environment, directory: "/usr".into() };
    Said::read(cli, &invocation).unwrap().over(lower)
}

fn lower<T>(value: T) -> Setting<T> {
    Setting { value, origin: Origin::Environment("LOWER") }
}

#[test]
fn every_flag_of_execution_is_a_setting() {
    let settings = settings(&[
        "-j5",
        "--fail-fast",
        "--no-capture",
        "--timeout=1s",
        "--global-timeout=9s",
        "--list-timeout=2s",
        "--fail-on-leak",
        "--color=always",
        "--message-format=json",
    ])
    .unwrap();
    let expected = Execution {
        jobs: Setting::flag("--jobs", NonZeroUsize::new(5).unwrap()),
        max_fail: Setting::flag("--fail-fast", MaxFail::fail_fast(true)),
        global_timeout: Setting::flag("--global-timeout", Some(Duration::from_secs(9))),
        capture: Setting::flag("--no-capture", false),
        list_timeout: Setting::flag("--list-timeout", Duration::from_secs(2)),
        process: Process::Test,
    };
    assert_eq!(settings.execution, expected);
    assert_eq!(settings.test.timeout, Setting::flag("--timeout", Some(Duration::from_secs(1))));
    assert_eq!(settings.test.fail_on_leak, Setting::flag("--fail-on-leak", true));
    assert_eq!(settings.color, Setting::flag("--color", ColorChoice::Always));
    assert_eq!(settings.message_format, Setting::flag("--message-format", RunFormat::Json));
}

#[test]
fn every_flag_of_the_sandbox_is_a_setting() {
    let settings = settings(&[
        "--root=minimal",
        "--hide-package",
        "--trace-missing",
        "--bind=lib",
        "--keep=bin",
        "--network=own",
    ])
    .unwrap();
    let SandboxSettings { hide_package, trace_missing, .. } = settings.sandbox;
    let TestSettings { root, binds, keeps, network, .. } = settings.test;
    assert_eq!(root, Setting::flag("--root", RootWord::Minimal));
    assert_eq!(hide_package, Setting::flag("--hide-package", true));
    assert_eq!(trace_missing, Setting::flag("--trace-missing", true));
    assert_eq!(binds.first().map(|bind| bind.origin), Some(Origin::Flag("--bind")));
    assert_eq!(keeps, [Setting::flag("--keep", PathBuf::from("/usr/bin"))]);
    assert_eq!(network, Setting::flag("--network", Network::Own));
}

#[test]
fn every_flag_of_limits_is_a_limit() {
    let limits = settings(&[
        "--memory-limit=1MiB",
        "--swap-limit=0",
        "--cpu-limit=1.5",
        "--cpu-weight=512",
        "--cpus=0-2,4",
        "--pids-limit=9",
        "--io-limit=2MiB",
        "--rlimit=nofile=64",
        "--rlimit=core=0:unlimited",
    ])
    .unwrap()
    .test
    .limits;
    let rlimits = vec![(Rlimit::Nofile, 64, 64), (Rlimit::Core, 0, u64::MAX)];
    let expected = Limits {
        memory: Some(Bytes::mib(1)),
        swap: Some(Bytes::new(0)),
        pids: Some(9),
        cpu: Some(MilliCpu::new(1500)),
        cpu_weight: Some(512),
        io: Some(Bytes::mib(2)),
        process: ProcessLimits { cpus: vec![0, 1, 2, 4], rlimits },
    };
    assert_eq!(limits.limits(), expected);
    assert_eq!(limits.memory, Some(Setting::flag("--memory-limit", 1 << 20)));
    assert_eq!(limits.rlimits[0].origin, Origin::Flag("--rlimit"));
    assert_eq!(settings(&[]).unwrap().test.limits.limits(), Limits::default());
}

#[test]
fn words_for_the_harness_are_settings() {
    let execution = settings(&["--", "--test-threads", "4", "--nocapture"]).unwrap().execution;
    let jobs = NonZeroUsize::new(4).unwrap();
    let origin = Origin::HarnessArgument("--test-threads");
    assert_eq!(execution.jobs, Setting { value: jobs, origin });
    assert_eq!(execution.capture, Setting { value: false, origin: Origin::HarnessArgument("--no-capture") });
}

#[test]
fn variables_are_settings() {
    let environment = [("RUST_TEST_THREADS", "3"), ("CARGO_TERM_COLOR", "never")];
    let settings = settings_with(&environment, &[]).unwrap();
    let jobs = NonZeroUsize::new(3).unwrap();
    assert_eq!(
        settings.execution.jobs,
        Setting { value: jobs, origin: Origin::Environment("RUST_TEST_THREADS") }
    );
    let origin = Origin::Environment("CARGO_TERM_COLOR");
    assert_eq!(settings.color, Setting { value: ColorChoice::Never, origin });
}

#[test]
fn what_nobody_speaks_of_has_its_default() {
    let settings = settings(&[]).unwrap();
    let expected = Execution {
        jobs: Setting::default(available_parallelism().unwrap()),
        max_fail: Setting::default(MaxFail::default()),
        global_timeout: Setting::default(None),
        capture: Setting::default(true),
        list_timeout: Setting::default(Duration::from_mins(1)),
        process: Process::Test,
    };
    assert_eq!(settings.execution, expected);
    let sandbox = SandboxSettings {
        off: Vec::new(),
        hide_package: Setting::default(false),
        trace_missing: Setting::default(false),
        copied_within: Vec::new(),
        update: None,
        controls: Vec::new(),
        evidence: Vec::new(),
    };
    assert_eq!(settings.sandbox, sandbox);
    let test = TestSettings {
        timeout: Setting::default(None),
        leak_timeout: Setting::default(Duration::from_millis(100)),
        fail_on_leak: Setting::default(false),
        per_binary: Setting::default(false),
        slow_timeout: Setting::default(SlowTimeout::new(Duration::from_mins(1))),
        retries: Setting::default(Retries::without_delay(0)),
        flaky_result: Setting::default(FlakyResult::Pass),
        threads_required: Setting::default(ThreadsRequired::default()),
        test_group: Setting::default(None),
        priority: Setting::default(Priority::default()),
        limits: LimitSettings::default(),
        root: Setting::default(RootWord::Host),
        network: Setting::default(Network::Loopback),
        binds: Vec::new(),
        keeps: Vec::new(),
        budgets: Vec::new(),
        setups: Vec::new(),
        wrapper: None,
        policy: Policy::default(),
    };
    assert_eq!(settings.test, test);
    assert_eq!(settings.budgets, Setting::default(Budgets::Enforce));
    assert_eq!(settings.message_format, Setting::default(RunFormat::Human));
    assert_eq!(settings.color, Setting::default(ColorChoice::Auto));
}

#[test]
fn jobs_come_from_the_highest_source() {
    let threads = [("RUST_TEST_THREADS", "3")];
    let jobs = |environment: &[_], arguments: &[&str]| {
        let jobs = settings_with(environment, arguments).unwrap().execution.jobs;
        (jobs.value.get(), jobs.origin)
    };
    let flag = Origin::Flag("--jobs");
    let word = Origin::HarnessArgument("--test-threads");
    let variable = Origin::Environment("RUST_TEST_THREADS");
    assert_eq!(jobs(&threads, &["-j", "5", "--", "--test-threads", "4"]), (5, flag));
    assert_eq!(jobs(&threads, &["--", "--test-threads", "4"]), (4, word));
    assert_eq!(jobs(&threads, &["--no-capture"]), (3, variable));
    assert_eq!(jobs(&[], &["--", "--nocapture"]), (1, Origin::Default));
    assert_eq!(jobs(&[("RUST_TEST_THREADS", "x")], &["-j", "5"]), (5, flag));
    assert_eq!(jobs(&[("RUST_TEST_THREADS", "x")], &["exec", "--", "true"]), (1, Origin::Default));
    let refused = settings_with(&[("RUST_TEST_THREADS", "x")], &[]).unwrap_err().to_string();
    let expected = "the environment variable `RUST_TEST_THREADS` is `x`, which is not a number above 0";
    assert_eq!(refused, expected);
}

#[test]
fn a_layer_below_the_environment_is_above_the_defaults() {
    let said = |jobs, time| Layer {
        jobs: Some(Ok(lower(jobs))),
        test: TestLayer { timeout: Some(lower(time)), ..TestLayer::default() },
        max_fail: Some(lower(MaxFail::fail_fast(true))),
        ..Layer::default()
    };
    let seven = Jobs::read("7").unwrap();
    let minute = Duration::from_mins(1);
    let Settings { execution, test, .. } = with_lower(&["--no-fail-fast"], said(seven, minute)).unwrap();
    assert_eq!(execution.jobs.origin, Origin::Environment("RUST_TEST_THREADS"));
    assert_eq!(test.timeout, lower(Some(minute)));
    assert_eq!(execution.max_fail, Setting::flag("--no-fail-fast", MaxFail::fail_fast(false)));
    assert_eq!(execution.list_timeout.origin, Origin::Default);
    let refused = with_lower(&[], said(seven, Duration::ZERO)).unwrap_err().to_string();
    assert_eq!(refused, "`LOWER=0s` in the environment: the time limit of a test must be greater than 0");
}

#[test]
fn a_lower_layer_is_silent_on_what_a_flag_decides() {
    let levels = vec![lower((Capability::Net, Level::Require)), lower((Capability::Io, Level::Off))];
    let limits = LimitSettings {
        memory: Some(lower(1 << 20)),
        rlimits: vec![lower((Rlimit::Nofile, 9, 9)), lower((Rlimit::Core, 0, 0))],
        ..LimitSettings::default()
    };
    let layer = Layer { test: TestLayer { limits, ..TestLayer::default() }, levels, ..Layer::default() };
    let flags = ["--off", "net", "--rlimit", "nofile=64", "--swap-limit", "1KiB"];
    let Settings { test, .. } = with_lower(&flags, layer).unwrap();
    assert_eq!(test.policy.level(Capability::Net), Level::Off);
    assert_eq!(test.policy.level(Capability::Io), Level::Off);
    assert_eq!(test.policy.level(Capability::Memory), Level::Require);
    let limits = test.limits.limits();
    assert_eq!((limits.memory, limits.swap), (Some(Bytes::mib(1)), Some(Bytes::kib(1))));
    assert_eq!(limits.process.rlimits, [(Rlimit::Core, 0, 0), (Rlimit::Nofile, 64, 64)]);
}

#[test]
fn a_limit_that_makes_no_sense_says_why() {
    let text = refusal(&["--swap-limit", "1KiB"]);
    let expected = "`--swap-limit 1KiB` has no effect without a memory limit; add `--memory-limit`";
    assert_eq!(text, expected);
    let text = refusal(&["--rlimit", "files=3"]);
    assert!(text.starts_with("`--rlimit files`: unknown resource `files`; known: as, core"), "{text}");
}

#[test]
fn a_memory_limit_leaves_room_for_a_test_to_start() {
    let text = refusal(&["--memory-limit", "1KiB"]);
    assert_eq!(text, "`--memory-limit 1KiB` is too small: a test needs 512 KiB to start");
    assert!(settings(&["--memory-limit", "512KiB"]).is_ok());
    let error = settings_with(&[("ISOTEST_MEMORY_LIMIT", "524287B")], &[]).unwrap_err().to_string();
    assert!(error.starts_with("`ISOTEST_MEMORY_LIMIT=524287B` in the environment is too small"), "{error}");
}

#[test]
fn a_limit_requires_its_figure() {
    let level = |arguments: &[&str], capability| settings(arguments).unwrap().test.policy.level(capability);
    assert_eq!(level(&[], Capability::Memory), Level::Prefer);
    assert_eq!(level(&["--memory-limit", "1MiB"], Capability::Memory), Level::Require);
    assert_eq!(level(&["--pids-limit", "9"], Capability::Pids), Level::Require);
    assert_eq!(
        refusal(&["--memory-limit", "1MiB", "--off", "memory"]),
        "`memory` cannot be both `off` (`--off`) and `require` (`--memory-limit`)"
    );
    assert_eq!(
        settings(&["--memory-limit", "1MiB"]).unwrap().test.limits.limits().memory,
        Some(Bytes::mib(1))
    );
}

#[test]
fn the_host_s_network_and_no_namespace_are_the_same_thing() {
    let test = settings(&["--off", "net"]).unwrap().test;
    assert_eq!(test.network.value, Network::Host);
    let test = settings(&["--network", "host"]).unwrap().test;
    assert_eq!(test.policy.level(Capability::Net), Level::Off);
    assert_eq!(
        refusal(&["--network", "own", "--off", "net"]),
        "`net` cannot be both `off` (`--off`) and `require` (`--network`)"
    );
}

#[test]
fn a_bind_is_read_only_unless_told_otherwise() {
    let binds =
        settings(&["--bind", "lib", "--bind", "/usr/bin:ro", "--bind", "bin:rw", "--bind", "lib:cow"])
            .unwrap()
            .test
            .binds;
    let bind = |path: &str, access| Bind { path: path.into(), access };
    let expected = [
        bind("/usr/lib", BindAccess::ReadOnly),
        bind("/usr/bin", BindAccess::ReadOnly),
        bind("/usr/bin", BindAccess::ReadWrite),
        bind("/usr/lib", BindAccess::CopyOnWrite),
    ];
    let binds: Vec<_> = binds.into_iter().map(|bind| bind.value).collect();
    assert_eq!(binds, expected);
}

#[test]
fn a_path_may_hold_colons() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a:b");
    std::fs::write(&path, "").unwrap();
    let binds = settings(&["--bind", path.to_str().unwrap()]).unwrap().test.binds;
    assert_eq!(binds, [Setting::flag("--bind", Bind { path, access: BindAccess::ReadOnly })]);
}

#[test]
fn a_path_must_exist() {
    assert_eq!(refusal(&["--bind", "nowhere:rw"]), "`--bind /usr/nowhere` does not exist");
}

#[test]
fn a_path_that_is_kept_exists_or_is_below_what_cargo_builds() {
    let directories = |path: &str| {
        let settings = settings(&["--keep", "bin", "--keep", path]).unwrap();
        settings.kept_directories(&["/usr/target", "/build"].map(Path::new))
    };
    assert_eq!(directories("nowhere").unwrap_err().to_string(), "`--keep /usr/nowhere` does not exist");
    assert_eq!(directories("lib").unwrap(), Vec::<PathBuf>::new());
    assert_eq!(directories("target/tests").unwrap(), [PathBuf::from("/usr/target/tests")]);
    assert_eq!(directories("/build/a/b").unwrap(), [PathBuf::from("/build/a/b")]);
}

#[test]
fn a_root_is_told_by_its_first_word() {
    let root = |text| settings(&["--root", text]).unwrap().test.root.value;
    assert_eq!(settings(&[]).unwrap().test.root.value, RootWord::Host);
    assert_eq!(root("minimal"), RootWord::Minimal);
    assert_eq!(
        root("dir:lib"),
        RootWord::At(RootPath { kind: RootKind::Directory, path: "/usr/lib".into() })
    );
    assert_eq!(refusal(&["--root", "dir:nowhere"]), "`--root /usr/nowhere` does not exist");
    assert_eq!(refusal(&["--hide-package"]), "`--hide-package` requires `--root minimal`");
}

#[test]
fn coverage_profiles_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let pattern = directory.path().join("%p.profraw");
    let environment = [("LLVM_PROFILE_FILE", pattern.to_str().unwrap())];
    let keeps = settings_with(&environment, &[]).unwrap().test.keeps;
    let origin = Origin::Environment("LLVM_PROFILE_FILE");
    assert_eq!(keeps, [Setting { value: directory.path().to_owned(), origin }]);
}

#[test]
fn tests_that_update_their_sources_share_a_process_and_write_them() {
    let asked = [("UPDATE_EXPECT", "1"), ("RUST_TEST_THREADS", "3")];
    let sources = ["/w", "/w/a", "/elsewhere"].map(PathBuf::from);
    let (target, build) = (PathBuf::from("/w/target"), PathBuf::from("/build"));
    let of = |arguments: &[&str]| {
        let settings = settings_with(&asked, arguments).unwrap();
        settings.for_project(sources.iter(), [&target, &build])
    };
    let Settings { execution, sandbox, test, .. } = of(&[]);
    assert_eq!((execution.jobs.value.get(), execution.process), (1, Process::Binary { threads: None }));
    assert_eq!(sandbox.update, Some(Update::Written("UPDATE_EXPECT")));
    let origin = Origin::Environment("UPDATE_EXPECT");
    assert_eq!(test.keeps, sources.clone().map(|value| Setting { value, origin }));
    assert_eq!(sandbox.copied_within, std::slice::from_ref(&target));
    let threads = NonZeroUsize::new(2);
    for arguments in [&["-j", "2"][..], &["--", "--test-threads", "2"]] {
        assert_eq!(of(arguments).execution.process, Process::Binary { threads });
    }
    for arguments in [&["--discard-updates"][..], &["list"], &["shell"], &["exec", "--", "true"]] {
        let Settings { execution, sandbox, test, .. } = of(arguments);
        assert_eq!(execution.process, Process::Test, "{arguments:?}");
        assert_eq!(sandbox.update, Some(Update::Discarded("UPDATE_EXPECT")));
        assert_eq!((test.keeps, sandbox.copied_within), (Vec::new(), Vec::new()));
    }
    assert_eq!(of(&["--discard-updates"]).execution.jobs.value.get(), 3);
    assert_eq!(settings(&[]).unwrap().sandbox.update, None);
}

#[test]
fn zero_is_no_limit() {
    assert_eq!(
        refusal(&["--timeout", "0s"]),
        "`--timeout 0s`: the time limit of a test must be greater than 0"
    );
    let expected = "`--list-timeout 0s`: the time limit of a test binary must be greater than 0";
    assert_eq!(refusal(&["--list-timeout", "0s"]), expected);
    assert_eq!(settings(&["--timeout", "1m 5s"]).unwrap().test.timeout.value, Some(Duration::from_secs(65)));
}

#[test]
fn list_is_a_task_of_its_own() {
    assert_eq!(settings(&["list"]).unwrap().task, Task::List);
    assert_eq!(settings(&["--", "list"]).unwrap().task, Task::Execute);
}
