//! The configuration file: which value holds, and what is said of a wrong one.

use crate::call::{Call, Ended, bare, isotest};
use crate::help::is_as_kept;
use crate::project::Project;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::thread::available_parallelism;
use tempfile::TempDir;

/// Contents of configuration files that are wrong, each in one way.
const WRONG: [&str; 81] = [
    "[profile.default",
    "[profile.default]\njobs = 1\njobs = 2",
    "jobs = 3",
    "profile = 3",
    "[profiles.default]",
    "[profile]\nci = 3",
    "[profile.default]\nmemroy-limit = \"1GiB\"",
    "[profile.default]\ntest-threads = 3",
    "[profile.ci]\n\n# Gravity.\ngravity = 9.81",
    "[profile.default]\njobs = 0",
    "[profile.default]\njobs = \"3\"",
    "[profile.default]\nfail-fast = \"yes\"",
    "[profile.default]\ntimeout = 60",
    "[profile.default]\ntimeout = \"soon\"",
    "[profile.default]\nlist-timeout = \"0s\"",
    "[profile.default]\nhistory = \"yes\"",
    "[profile.default]\ncolor = \"never\"",
    "[profile.default]\nmemory-aware = 1",
    "[profile.default]\nglobal-timeout = 10",
    "[profile.default]\nslow-timeout = { period = \"60s\", after = 2 }",
    "[profile.default]\nretries = -1",
    "[profile.default]\nflaky-result = \"maybe\"",
    "[profile.default]\nmax-fail = \"2:now\"",
    "[profile.default]\nshow-progress = \"some\"",
    "[profile.default]\ntop = -1",
    "[profile.default]\nmemory-limit = 64",
    "[profile.default]\nmemory-limit = \"much\"",
    "[profile.default]\nmemory-limit = \"1KiB\"",
    "[profile.default]\nswap-limit = \"1MiB\"",
    "[profile.default]\npids-limit = -1",
    "[profile.default]\ncpu-limit = 0",
    "[profile.default]\ncpu-weight = 0",
    "[profile.default]\ncpus = \"2-1\"",
    "[scripts.setup.data]\ncommand = \"\"",
    "[scripts.wrapper.server]\ncommand = []",
    "[profile.default]\nio-limit = []",
    "[profile.default]\nrlimit = 3",
    "[profile.default]\nrlimit = { nofile = \"9:3\" }",
    "[profile.default.rlimit]\nnofile = 9\ngravity = 1",
    "[profile.default]\nnetwork = \"wifi\"",
    "[profile.default]\nroot = \"elsewhere\"",
    "[profile.default]\nroot = \"dir:/nowhere\"",
    "[profile.default]\nhide-package = true",
    "[profile.default]\nbind = [\n  \"/usr\",\n  \"/nowhere\",\n]",
    "[profile.default]\nkeep = \"/usr\"",
    "[profile.default]\nkeep = [\"/nowhere\"]",
    "[profile.default]\nrequire = [\"memory\", \"gravity\"]",
    "[profile.default]\noff = [\"memory\"]\nmemory-limit = \"1GiB\"",
    "[profile.a]\ninherits = \"cj\"",
    "[profile.default]\ninherits = \"ci\"",
    "[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"",
    "[profile.ci]\noverrides = 3",
    "[profile.ci.overrides]\nretries = 1",
    "[[profile.ci.overrides]]\nfilter = 3",
    "[profile.ci]\nbudget = \"64 MiB\"",
    "[profile.ci]\nbudget = { memory = 64 }",
    "[profile.ci]\nbudget = { memory = \"64 M\" }",
    "[[profile.ci.overrides]]\nbudget = { wall = \"64 MiB\" }",
    "[profile.ci.budget]\ncpu = \"2 s\"\nprocs = 0",
    "[profile.ci.budget]\ncpu = \"2 s\"\nmemroy = \"1 GiB\"",
    "[profile.ci]\nbudget = { cpu = \"2 s\", hard = true }",
    "[profile.ci]\nbudget = { memory = \"1 GiB\", hard = 1 }",
    "[[profile.ci.overrides]]\nretries = 1\nfilter = 'test(a) and tset(b)'",
    "[[profile.ci.overrides]]\nfilter = \"\"\"\n  test(a)\n  or package([\"\"\"",
    "[[profile.ci.overrides]]\nmemory-limit = \"1 KiB\"",
    "[[profile.ci.overrides]]\nmemroy-limit = \"1GiB\"",
    "[[profile.ci.overrides]]\ninherits = \"default\"",
    "[[profile.ci.overrides]]\nfail-fast = true",
    "[[profile.ci.overrides]]\ntest-threads = 3",
    "[[profile.ci.overrides]]\ntimeout = \"soon\"",
    "[test-groups]\ndb = 2",
    "[test-groups]\ndb = {}",
    "[test-groups]\n\"a b\" = { max-threads = 1 }",
    "[test-groups]\ndb = { max-thread = 1 }",
    "[test-groups]\ndb = { max-threads = 0 }",
    "[profile.ci]\ntest-group = \"db\"",
    "[test-groups.db]\nmax-threads = 1\n[[profile.ci.overrides]]\ntest-group = \"bd\"",
    "[profile.ci]\ntest-group = \"@db\"",
    "[[profile.ci.overrides]]\npriority = 101",
    "[[profile.ci.overrides]]\nthreads-required = 0",
    "[[profile.ci.overrides]]\nfilter = 'test(a) - group(db)'\nretries = 1",
];

/// A package that is never built, with a configuration file.
struct Unbuilt(TempDir);

impl Unbuilt {
    fn new(text: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let manifest = "[package]\nname = \"unbuilt\"\nedition = \"2024\"\n[workspace]\n";
        let files = [("Cargo.toml", manifest), ("src/lib.rs", "not Rust\n"), (".config/isotest.toml", text)];
        Project::written(place.path(), &files);
        Self(place)
    }

    fn call(&self) -> Call {
        bare().variable("COLUMNS", "80").within(self.0.path())
    }
}

#[test]
fn each_wrong_line_is_said_with_its_place_and_what_is_right() {
    let mut said = String::new();
    for text in WRONG {
        let ended = Unbuilt::new(text).call().run().with_code(96);
        assert_eq!(ended.stdout, "");
        write!(said, "{text}\n=> {}\n", ended.stderr).unwrap();
    }
    is_as_kept("config.txt", said);
}

#[test]
fn a_file_or_a_profile_that_is_not_there_is_said_before_anything_is_built() {
    let project = Unbuilt::new("[profile.mine]\n");
    for (call, expected) in [
        (
            project.call().arguments(["-P", "mien"]),
            "error: `--profile mien`: unknown profile; did you mean `mine`?\n",
        ),
        (
            project.call().variable("ISOTEST_PROFILE", "release"),
            "error: `ISOTEST_PROFILE=release` in the environment: unknown profile; known: ci, default, mine\n",
        ),
        (
            project.call().arguments(["--config-file", "nowhere.toml"]),
            &format!(
                "error: cannot read the configuration file `{}`: No such file or directory (os error 2)\n",
                project.0.path().join("nowhere.toml").display()
            ),
        ),
        (
            project.call().arguments(["exec", "-P", "yours", "--", "true"]),
            "error: `--profile yours`: unknown profile; known: ci, default, mine\n",
        ),
    ] {
        let ended = call.run().with_code(96);
        assert!(ended.stderr.starts_with(expected), "{}", ended.stderr);
    }
}

#[test]
fn a_variable_that_makes_no_sense_is_a_usage_error() {
    let project = Unbuilt::new("");
    for (name, value, expected) in [
        ("ISOTEST_JOBS", "0", "a number above 0, a negative number (so many fewer than CPUs) or `num-cpus`"),
        ("ISOTEST_FAIL_FAST", "yes", "`true` or `false`"),
        ("ISOTEST_MEMORY_LIMIT", "much", "a size above 0 with its unit, such as \"64MiB\""),
    ] {
        let ended = project.call().variable(name, value).run().with_code(2);
        let expected =
            format!("error: the environment variable `{name}` is `{value}`, which is not {expected}\n");
        assert!(ended.stderr.starts_with(&expected), "{}", ended.stderr);
    }
}

/// A file that is named on the command line.
fn named(text: &str) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("named.toml");
    fs::write(&path, text).unwrap();
    (place, path)
}

const LEVELS: &str = r#"
    [profile.default]
    jobs = 2
    [profile.parent]
    jobs = 3
    [profile.child]
    inherits = "parent"
    [profile.grandchild]
    inherits = "child"
    jobs = 4
    [profile.cpus]
    jobs = "num-cpus"
    [profile.fewer]
    jobs = -1
"#;

#[test]
fn a_value_is_of_the_highest_source() {
    let (_place, path) = named(LEVELS);
    let jobs = |variables: &[(&str, &str)], arguments: &[&str]| {
        let call = isotest(&Project::fixture("passing")).variable("ISOTEST_CONFIG_FILE", &path);
        let call = variables.iter().fold(call, |call, (name, value)| call.variable(name, value));
        let (ended, lines) = call.arguments(arguments).lines();
        lines.started["jobs"].as_i64().unwrap_or_else(|| panic!("{ended:#?}"))
    };
    assert_eq!(jobs(&[], &[]), 2, "the profile `default`");
    assert_eq!(jobs(&[("ISOTEST_PROFILE", "parent")], &[]), 3, "the profile that the environment chooses");
    assert_eq!(jobs(&[("ISOTEST_PROFILE", "parent")], &["-P", "child"]), 3, "what a profile inherits");
    assert_eq!(jobs(&[], &["--profile", "grandchild"]), 4, "a profile before what it inherits");
    assert_eq!(jobs(&[], &["-P", "ci"]), 2, "a profile that is silent inherits the default");
    let threads = ("RUST_TEST_THREADS", "6");
    assert_eq!(jobs(&[threads], &["-P", "grandchild"]), 6, "the environment before the file");
    assert_eq!(jobs(&[threads, ("ISOTEST_JOBS", "5")], &[]), 5, "our own variable before the harness's");
    assert_eq!(jobs(&[("ISOTEST_JOBS", "5")], &["-j", "7"]), 7, "a flag before everything");
    let cpus = i64::try_from(available_parallelism().unwrap().get()).unwrap();
    let fewer = (cpus - 1).max(1);
    let relative = [("num-cpus", "cpus", cpus), ("-1", "fewer", fewer)];
    for (word, profile, expected) in relative {
        assert_eq!(jobs(&[], &["-j", word]), expected, "{word}");
        assert_eq!(jobs(&[("ISOTEST_JOBS", word)], &[]), expected, "{word}");
        assert_eq!(jobs(&[], &["-P", profile]), expected, "{profile}");
    }
}

fn timed_out(ended: &Ended) -> bool {
    ended.stdout.contains("TIMEOUT")
}

#[test]
fn the_file_of_the_workspace_holds_in_all_its_packages() {
    let place = tempfile::tempdir().unwrap();
    let project = Project::copied("hangs", place.path());
    fs::create_dir(project.directory.join(".config")).unwrap();
    fs::write(project.directory.join(".config/isotest.toml"), "[profile.default]\ntimeout = \"300ms\"\n")
        .unwrap();
    let call = || isotest(&project).within(&project.directory.join("src"));
    assert!(timed_out(&call().run().with_code(100)));
    let (_place, path) = named("[profile.default]\ntimeout = \"200ms\"\nlist-timeout = \"1ms\"\n");
    let ended = call().arguments(["--config-file".as_ref(), path.as_os_str()]).run().with_code(104);
    assert!(ended.stderr.contains("1ms"), "the file that is named is the only one: {}", ended.stderr);
    let ended = call().arguments(["exec", "--", "sleep", "1"]).run().with_code(0);
    assert!(!timed_out(&ended), "a command has all the time that it needs");
}

#[test]
fn what_the_file_says_of_the_sandbox_holds_in_it() {
    let place = tempfile::tempdir().unwrap();
    let text = "[profile.default]\nkeep = [\"kept\"]\nrlimit = { nofile = \"64:128\" }\nnetwork = \"none\"\n";
    fs::create_dir_all(place.path().join("kept")).unwrap();
    fs::create_dir_all(place.path().join("src")).unwrap();
    let files = [
        ("Cargo.toml", "[package]\nname = \"a\"\nedition = \"2024\"\n[workspace]\n"),
        ("src/lib.rs", ""),
        (".config/isotest.toml", text),
    ];
    Project::written(place.path(), &files);
    let script =
        "touch ../kept/written ../lost; ulimit -Sn; ulimit -Hn; grep -c 127.0.0.1 /proc/net/fib_trie";
    let call = || bare().within(&place.path().join("src")).arguments(["exec", "-q"]);
    let ended = call().arguments(["--", "sh", "-c", script]).run();
    assert_eq!(ended.stdout, "64\n128\n0\n", "{}", ended.stderr);
    assert!(place.path().join("kept/written").exists() && !place.path().join("lost").exists());
    let ended = call().arguments(["--network", "loopback", "--", "sh", "-c", script]).run();
    let others = ended.stdout.strip_prefix("64\n128\n").unwrap_or_else(|| panic!("{ended:#?}"));
    assert_ne!(others, "0\n", "a flag changes one value of them");
}

#[test]
fn the_file_says_how_often_and_how_long_tests_are_attempted() {
    let place = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"again\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
    let test = "#[test]\nfn passes_in_its_second_attempt() {
        assert_eq!(std::env::var(\"ISOTEST_ATTEMPT\").as_deref(), Ok(\"2\"));\n}\n";
    let settings = "[profile.default]\nretries = { backoff = \"fixed\", count = 1, delay = \"1ms\" }
        [profile.strict]\nflaky-result = \"fail\"\n[profile.once]\nretries = 0\n";
    let files = [("Cargo.toml", manifest), ("src/lib.rs", test), (".config/isotest.toml", settings)];
    let project = Project::written(place.path(), &files);
    for (profile, code, said) in
        [("default", 0, " FLAKY "), ("strict", 100, " FLAKY-FAIL "), ("once", 100, " FAIL ")]
    {
        let ended = isotest(&project).arguments(["--profile", profile]).run().with_code(code);
        assert!(ended.stdout.contains(said), "{profile}: {}", ended.stdout);
    }
}

#[test]
fn what_stands_in_place_of_the_file_and_cannot_be_read_is_no_missing_file() {
    let place = tempfile::tempdir().unwrap();
    let project = Project::copied("passing", place.path());
    let config = project.directory.join(".config/isotest.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/nonexistent/isotest.toml", &config).unwrap();
    let ended = isotest(&project).run().with_code(96);
    assert!(ended.stderr.contains("isotest.toml"), "{ended:?}");
    fs::remove_file(&config).unwrap();
    nix::unistd::mkfifo(&config, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let ended = isotest(&project).run().with_code(96);
    assert!(ended.stderr.contains("it is no file"), "{ended:?}");
}
