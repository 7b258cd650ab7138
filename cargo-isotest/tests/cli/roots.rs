//! Roots other than the host's, as far as the command line is concerned.

use crate::call::{bare, isotest, isotest_between};
use crate::host_access::with_test;
use std::fs;
use std::process::Command;

#[test]
fn in_a_minimal_root_only_what_is_named_is_there() {
    let place = tempfile::tempdir().unwrap();
    let project = with_test(place.path(), "fs::read(\"/etc/passwd\")?;\nfs::read(\"Cargo.toml\")?;");
    let call = |flags: &[&str]| isotest(&project).arguments(flags);
    call(&[]).run().with_code(0);
    let ended = call(&["--root", "minimal"]).run().with_code(100);
    assert!(ended.stdout.contains("No such file or directory"), "{}", ended.stdout);
    assert!(ended.stdout.contains("of the host, only the program"), "{}", ended.stdout);
    call(&["--root", "minimal", "--bind", "/etc/passwd"]).run().with_code(0);
    let hidden = ["--root", "minimal", "--bind", "/etc/passwd", "--hide-package"];
    call(&hidden).run().with_code(100);
}

#[test]
fn what_a_test_looked_for_is_named_if_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let body = "let _ = fs::read(\"/etc/passwd\");\nlet _ = fs::read(\"/etc/nobody has it\");";
    let project = with_test(place.path(), body);
    let call = |flags: &[&str]| isotest(&project).arguments(["--root", "minimal"]).arguments(flags);
    let (ended, lines) = call(&["--trace-missing"]).lines();
    let attempt = lines.attempt("one", "it");
    let missing: Vec<_> =
        attempt["missing_paths"].as_array().unwrap().iter().map(|path| path.as_str()).collect();
    assert!(missing.contains(&Some("/etc/passwd")), "{missing:?}");
    assert!(!missing.iter().any(|path| path.unwrap().contains("nobody")), "{missing:?}");
    assert!(ended.stderr.contains("not found in the sandbox, but present on the host: "), "{}", ended.stderr);
    let (_, lines) = call(&[]).lines();
    assert!(lines.attempt("one", "it").get("missing_paths").is_none());
    let (_, lines) = call(&["--trace-missing", "--bind", "/etc/passwd"]).lines();
    let text = lines.attempt("one", "it").to_string();
    assert!(!text.contains("/etc/passwd"), "{text}");
}

#[test]
fn each_binary_has_a_minimal_root_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let target = "std::env::var(\"OTHER\").unwrap()";
    let project = with_test(place.path(), &format!("assert!(fs::metadata({target}).is_err());"));
    fs::create_dir(place.path().join("tests")).unwrap();
    fs::write(place.path().join("tests/other.rs"), "#[test]\nfn other() {}\n").unwrap();
    // With the package its target directory is seen, too, and all binaries in it.
    let call = |flags: &[&str]| isotest(&project).arguments(flags);
    call(&["list"]).run().with_code(0);
    let other = project.binary("other");
    let run = |flags: &[&str]| call(flags).variable("OTHER", &other).run();
    run(&["--root", "minimal", "--hide-package"]).with_code(0);
    run(&["--root", "minimal"]).with_code(100);
}

#[test]
fn a_bound_directory_may_be_copied() {
    let (place, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shown = shared.path().to_str().unwrap();
    fs::write(shared.path().join("given"), "by the host").unwrap();
    let project = with_test(place.path(), &format!("fs::write(\"{shown}/given\", \"by the test\")?;"));
    for root in ["host", "minimal"] {
        let call = |bind: &str| isotest(&project).arguments(["--root", root, "--bind", bind]);
        call(&format!("{shown}:cow")).run().with_code(0);
        call(shown).run().with_code(100);
    }
    assert_eq!(fs::read_to_string(shared.path().join("given")).unwrap(), "by the host");
}

#[test]
fn what_cannot_be_a_root_is_said_before_any_test() {
    let (place, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let project = with_test(place.path(), "");
    let call = |root: String| isotest(&project).arguments(["--root".to_owned(), root]).run();
    let path = |name: &str| empty.path().join(name).display().to_string();
    let ended = call("flat:earth".into()).with_code(2);
    assert!(
        ended.stderr.contains("`host`, `minimal`, `dir:PATH`, `tar:PATH` or `oci:PATH`"),
        "{}",
        ended.stderr
    );
    let ended = call(format!("dir:{}", path("nowhere"))).with_code(2);
    assert!(ended.stderr.contains("does not exist"), "{}", ended.stderr);
    let ended = call(format!("dir:{}", path(""))).with_code(104);
    assert!(ended.stderr.contains("`one`: its dynamic loader `/"), "{}", ended.stderr);
    fs::write(path("archive"), "no archive").unwrap();
    for (kind, expected) in [("tar", "the archive is truncated"), ("oci", "the archive is truncated")] {
        let ended = call(format!("{kind}:{}", path("archive"))).with_code(2);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    let left: Vec<_> = fs::read_dir(project.target.join("isotest/roots")).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| entry.path().extension().is_some_and(|end| end == "lock")), "{left:?}");
}

#[test]
fn a_root_without_a_place_is_no_mistake_of_the_command_line() {
    let (place, archived) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let project = with_test(place.path(), "");
    fs::write(archived.path().join("large"), vec![b'x'; 1 << 20]).unwrap();
    let archive = place.path().join("archive.tar");
    let mut tar = Command::new("tar");
    assert!(tar.arg("-cf").arg(&archive).arg("-C").arg(archived.path()).arg(".").status().unwrap().success());
    let root = format!("tar:{}", archive.display());
    let kept = project.target.join("isotest");
    fs::create_dir_all(&kept).unwrap();
    let call = |options: &str| {
        let script = format!("mount -t tmpfs -o {options} tmpfs '{}'", kept.display());
        isotest_between(&script, "", &project).arguments(["--root", &root]).run()
    };
    // The archive has nothing that tests need.
    let control = call("size=4m").with_code(104);
    assert!(control.stderr.contains("its dynamic loader"), "{}", control.stderr);
    let full = call("size=64k").with_code(97);
    let said = format!(
        "cannot unpack `{}` below `{}`: cannot write `large`: No space left on device (os error 28)",
        archive.display(),
        kept.join("roots").display()
    );
    assert!(full.stderr.contains(&said) && full.stderr.contains("hint: make room there"), "{}", full.stderr);
    assert_eq!(full.stderr.matches("os error 28").count(), 1, "{}", full.stderr);
    let refused = call("ro").with_code(97);
    let said = format!("`{}` cannot be made: Read-only file system", kept.join("roots").display());
    assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    assert!(refused.stderr.contains("name one that you may write to"), "{}", refused.stderr);
}

#[test]
fn a_command_may_have_a_root_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let call = |flags: &[&str]| bare().within(place.path()).arguments(["exec"]).arguments(flags);
    call(&["--", "/bin/ls", "/etc/passwd"]).run().with_code(0);
    call(&["--root", "minimal", "--", "/bin/ls", "/etc/passwd"]).run().with_code(2);
    let ended = call(&["--root", "minimal", "--", "ls", "/"]).run().with_code(0);
    assert!(ended.stdout.contains("proc\n") && !ended.stdout.contains("etc\n"), "{}", ended.stdout);
}
