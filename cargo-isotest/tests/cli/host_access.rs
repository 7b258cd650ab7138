//! What tests see and change of the host's files and network, as far as it can be told from outside.

use crate::call::{Call, bare, isotest, isotest_between};
use crate::project::Project;
use std::fs;
use std::io::{Write, stderr};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// A package with one test, whose body this is.
pub(crate) fn with_test(place: &Path, body: &str) -> Project {
    let test = format!(
        "#![allow(unused_imports)]\nuse std::{{fs, net::*}};\n#[test]\nfn it() -> Result<(), Box<dyn std::error::Error>> {{\n{body}\nOk(())\n}}\n"
    );
    let manifest = "[package]\nname = \"one\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
    Project::written(place, &[("Cargo.toml", manifest), ("src/lib.rs", &test)])
}

fn with_flags(project: &Project, flags: &[&str]) -> Call {
    isotest(project).arguments(flags)
}

#[test]
fn a_device_that_changes_reach_can_be_opened() {
    let may_open = |path: &&str| fs::File::options().read(true).write(true).open(path).is_ok();
    let Some(device) = ["/dev/fuse", "/dev/net/tun"].into_iter().find(may_open) else {
        let _ = writeln!(stderr(), "skipped: no device that could be opened here");
        return;
    };
    let directory = Path::new(device).parent().unwrap().to_str().unwrap();
    let opens = |flags: &[&str]| {
        let call = bare().arguments(["exec", "--quiet"]).arguments(flags);
        call.arguments(["--", "sh", "-c", &format!("exec 3<>{device}")]).run().status.success()
    };
    assert!(opens(&["--bind", &format!("{device}:rw")]));
    assert!(!opens(&["--bind", device]) && !opens(&[]), "controls");
    if directory != "/dev" {
        assert!(opens(&["--bind", &format!("{directory}:rw")]));
    }
}

#[test]
fn a_bound_directory_is_seen_and_written_as_told() {
    let (place, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shown = shared.path().to_str().unwrap();
    fs::write(shared.path().join("given"), "by the host").unwrap();
    let body = format!("fs::read(\"{shown}/given\")?;\nfs::write(\"{shown}/made\", \"by the test\")?;");
    let project = with_test(place.path(), &body);
    let made = shared.path().join("made");
    // The host's /tmp is not there, so that neither is the directory.
    with_flags(&project, &[]).run().with_code(100);
    let ended = with_flags(&project, &["--bind", shown]).run().with_code(100);
    assert!(ended.stdout.contains("Read-only file system"), "{}", ended.stdout);
    with_flags(&project, &["--bind", &format!("{shown}:ro")]).run().with_code(100);
    assert!(!made.exists());
    with_flags(&project, &["--bind", &format!("{shown}:rw")]).run().with_code(0);
    assert_eq!(fs::read_to_string(&made).unwrap(), "by the test");
}

#[test]
fn temporary_directories_behind_links_are_there() {
    let place = tempfile::tempdir().unwrap();
    let links = tempfile::tempdir_in("/tmp").unwrap();
    for name in ["TMPDIR", "XDG_RUNTIME_DIR"] {
        let (link, real) = (links.path().join(name), links.path().join(format!("real-{name}")));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        let body = format!("fs::write(std::env::var(\"{name}\")? + \"/made\", \"by the test\")?;");
        let project = with_test(&place.path().join(name), &body);
        let then = "test ! -e \"$REAL/made\" || exit 98
            cargo test --quiet --target-dir \"$T\" >/dev/null && test -e \"$REAL/made\" || exit 99";
        let call = isotest_between("cd \"$W\"", then, &project)
            .variable("W", &project.directory)
            .variable("T", &project.target)
            .variable("REAL", &real)
            .variable(name, &link);
        call.run().with_code(0);
    }
}

#[test]
fn what_is_to_be_kept_is_written_through() {
    let place = tempfile::tempdir().unwrap();
    let project = with_test(place.path(), "fs::write(\"kept/a\", \"b\")?;\nfs::write(\"other/a\", \"b\")?;");
    for name in ["kept", "other"] {
        fs::create_dir(place.path().join(name)).unwrap();
    }
    let (ended, lines) = with_flags(&project, &[]).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.attempts[0]["changed_paths_count"], 2, "{}", lines.attempts[0]);
    assert!(!place.path().join("kept/a").exists());
    let kept = place.path().join("kept");
    let (ended, lines) = with_flags(&project, &["--keep", kept.to_str().unwrap()]).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.attempts[0]["changed_paths_count"], 1, "{}", lines.attempts[0]);
    assert_eq!(fs::read_to_string(kept.join("a")).unwrap(), "b");
    assert!(!place.path().join("other/a").exists());
}

#[test]
fn a_project_may_lie_anywhere() {
    let below_tmp = tempfile::Builder::new().prefix("with space\n and newline ").tempdir_in("/tmp").unwrap();
    let project = Project::copied("odd path", below_tmp.path());
    isotest(&project).run().with_code(0);
    assert!(!project.directory.join("written by a test.txt").exists());

    let linked = tempfile::tempdir().unwrap();
    symlink(&project.directory, linked.path().join("link")).unwrap();
    let by_link = Project { directory: linked.path().join("link"), target: project.target.clone() };
    isotest(&by_link).run().with_code(0);
    isotest(&by_link).within(&by_link.directory).run().with_code(0);
    assert!(!project.directory.join("written by a test.txt").exists());
}

#[test]
fn a_target_directory_may_lie_on_another_file_system() {
    let target = tempfile::Builder::new().prefix("isotest-target-").tempdir_in("/dev/shm").unwrap();
    let project = Project { target: target.path().to_owned(), ..Project::fixture("tour") };
    let (ended, lines) = isotest(&project).arguments(["--test", "files"]).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.finished["counts"]["passed"], 5);
}

#[test]
fn a_runner_runs_inside() {
    let (place, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = kept.path().join("log");
    let runner = place.path().join("runner");
    let script =
        format!("#!/bin/sh\necho entering\nreadlink /proc/self/ns/pid >> '{}'\nexec \"$@\"\n", log.display());
    fs::write(&runner, script).unwrap();
    fs::set_permissions(&runner, fs::Permissions::from_mode(0o755)).unwrap();
    let project = with_test(&place.path().join("project"), "");
    let config = format!("target.'cfg(all())'.runner = '{}'", runner.display());
    let file = project.directory.join(".cargo/config.toml");
    fs::create_dir(project.directory.join(".cargo")).unwrap();
    for on_command_line in [false, true] {
        fs::write(&file, if on_command_line { "" } else { &config }).unwrap();
        let call = with_flags(&project, &["--keep", kept.path().to_str().unwrap()])
            .arguments(["--bind", place.path().to_str().unwrap()])
            .arguments(on_command_line.then_some(["--config", &config]).into_iter().flatten())
            .within(&project.directory);
        let ended = call.run().with_code(0);
        assert!(
            !ended.stdout.contains("runs whole"),
            "a word of the runner is none of the list: {}",
            ended.stdout
        );
        let called = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let ours = fs::read_link("/proc/self/ns/pid").unwrap();
        assert!(called.lines().count() >= 3, "two lists and a test, but {called:?}");
        assert!(called.lines().all(|namespace| namespace != ours.to_str().unwrap()), "{called}");
    }
}

#[test]
fn a_test_has_the_network_it_is_given() {
    let place = tempfile::tempdir().unwrap();
    let body = "let port: u16 = std::env::var(\"PORT\")?.parse()?;\n\
        println!(\"own {}\", TcpListener::bind((\"127.0.0.1\", 0)).and_then(|l| TcpStream::connect(l.local_addr()?)).is_ok());\n\
        println!(\"host {}\", TcpStream::connect((\"127.0.0.1\", port)).is_ok());\n\
        panic!();";
    let project = with_test(place.path(), body);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (kind, own, host) in
        [("loopback", true, false), ("own", true, false), ("none", false, false), ("host", true, true)]
    {
        let call = with_flags(&project, &["--network", kind]).variable("PORT", &port);
        let (ended, lines) = call.lines();
        let said = lines.attempts[0]["stdout"].as_str().unwrap();
        assert!(said.contains(&format!("own {own}\n")), "{kind}: {said}");
        assert!(said.contains(&format!("host {host}\n")), "{kind}: {said}");
        let state = if kind == "host" { "off" } else { "in-force" };
        assert_eq!(lines.started["isolation"]["net"]["state"], state, "{}", ended.stderr);
    }
}

#[test]
fn without_capture_streams_are_passed_through() {
    let place = tempfile::tempdir().unwrap();
    let body = "let mut line = String::new();\nstd::io::stdin().read_line(&mut line)?;\n\
        println!(\"out {line}\");\neprintln!(\"err {line}\");";
    let project = with_test(place.path(), body);
    let input = place.path().join("input");
    fs::write(&input, "given\n").unwrap();
    let mut call = with_flags(&project, &["--no-capture"]);
    call.command.stdin(fs::File::open(&input).unwrap());
    let ended = call.run().with_code(0);
    let (before, after) = ended.stdout.split_once("out given\n").expect("the test's own output");
    assert!(before.contains("Start one it"), "{before}");
    assert!(after.contains("PASS"), "{after}");
    assert!(ended.stderr.contains("err given\n"), "{}", ended.stderr);
    let mut call = with_flags(&project, &[]);
    call.command.stdin(fs::File::open(&input).unwrap());
    let ended = call.run().with_code(0);
    assert!(!ended.stdout.contains("given"), "captured, and input from nowhere: {}", ended.stdout);
}

#[test]
fn nothing_speaks_of_descriptors_that_are_not_handed_on() {
    let place = tempfile::tempdir().unwrap();
    // Control: the variables are there but for the jobserver, whose descriptors nobody opened.
    let body = "assert_eq!(std::env::var(\"MAKEFLAGS\")?, \"w -- A=-j1\");
        assert!(std::env::var(\"LISTEN_FDS\").is_err());";
    let flags = "w -j2 --jobserver-auth=91,92 -- A=-j1";
    let project = with_test(place.path(), body);
    isotest(&project).variable("MAKEFLAGS", flags).variable("LISTEN_FDS", "1").run().with_code(0);
    let print = ["exec", "--quiet", "--", "sh", "-c", "echo \"$MAKEFLAGS|$LISTEN_FDS\""];
    let call = bare().arguments(print).variable("MAKEFLAGS", flags).variable("LISTEN_FDS", "1");
    assert_eq!(call.run().with_code(0).stdout, "w -- A=-j1|\n");
}
