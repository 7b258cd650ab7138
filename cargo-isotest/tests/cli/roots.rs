//! Roots other than the host's, as far as the command line is concerned.

use crate::call::{Call, bare, isotest, isotest_between};
use crate::host_access::with_test;
use crate::project::Project;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

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

/// Tests that pass in another root than the host's, or only there.
const TESTS: &str = r#"
fn whose() -> Option<String> {
    std::fs::read_to_string("/etc/whose").ok()
}

#[test]
fn elsewhere() {
    assert_eq!(whose().as_deref(), Some("its own"));
    std::fs::write("/etc/whose", "changed").unwrap();
}

#[test]
fn of_an_image() {
    assert_eq!(std::env::var("OF_IMAGE").as_deref(), Ok("yes"));
}

#[test]
fn at_home() {
    assert_eq!(whose(), None);
    assert!(std::fs::metadata("/etc/passwd").is_ok());
    assert!(std::env::var("OF_IMAGE").is_err());
}
"#;

/// A built project with these tests, and beside it a root in which they can be executed.
struct Beside {
    place: TempDir,
    project: Project,
}

impl Beside {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let manifest = "[package]\nname = \"one\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
        let project = Project::written(place.path(), &[("Cargo.toml", manifest), ("src/lib.rs", TESTS)]);
        isotest(&project).arguments(["--no-run"]).run().with_code(0);
        fill(&place.path().join("root"), &project.binary("one"));
        Self { place, project }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn root(&self, kind: &str, name: &str) -> String {
        format!("{kind}:{}", self.path(name).display())
    }

    /// Packs the root into an archive.
    fn pack(&self, archive: &str) {
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(self.path(archive)).arg("-C").arg(self.path("root")).arg(".");
        assert!(tar.status().unwrap().success());
    }

    /// Makes an image of the root, which sets a variable.
    fn image(&self, name: &str) {
        fs::create_dir(self.path(name)).unwrap();
        let layer = format!("{name}/layer.tar");
        self.pack(&layer);
        let sum = Command::new("sha256sum").arg(self.path(&layer)).output().unwrap();
        let digest = String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let configuration = serde_json::json!({
            "architecture": architecture,
            "os": "linux",
            "config": { "Env": ["OF_IMAGE=yes"] },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
        });
        let manifest =
            serde_json::json!([{ "Config": "c.json", "RepoTags": ["one:1"], "Layers": ["layer.tar"] }]);
        fs::write(self.path(name).join("c.json"), configuration.to_string()).unwrap();
        fs::write(self.path(name).join("manifest.json"), manifest.to_string()).unwrap();
    }

    /// A call with a configuration file with overrides that give tests these roots.
    fn call(&self, profile: &str, overrides: &[(&str, &str)]) -> Call {
        let each = overrides.iter().map(|(filter, root)| {
            format!("[[profile.default.overrides]]\nfilter = '{filter}'\nroot = \"{root}\"\n")
        });
        let text = format!("[profile.default]\n{profile}\n{}", each.collect::<String>());
        fs::write(self.path("isotest.toml"), text).unwrap();
        isotest(&self.project).arguments(["--config-file".as_ref(), self.path("isotest.toml").as_os_str()])
    }
}

/// Makes a root with what a program needs to be executed.
fn fill(root: &Path, program: &Path) {
    let program = program.to_str().unwrap();
    let shown = bare().arguments(["closure", "--message-format", "json", program]).run().with_code(0);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    for object in &shown["objects"].as_array().unwrap()[1..] {
        let path = root.join(object["path"].as_str().unwrap().trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(object["real_path"].as_str().unwrap(), path).unwrap();
    }
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/whose"), "its own").unwrap();
}

#[test]
fn an_override_gives_some_tests_another_root_than_their_neighbours() {
    let beside = Beside::new();
    beside.pack("root.tar");
    let both = ["elsewhere", "at_home"];
    let [directory, archive] = [beside.root("dir", "root"), beside.root("tar", "root.tar")];
    isotest(&beside.project).arguments(["elsewhere"]).run().with_code(100);
    for root in [&directory, &archive] {
        for flags in [&[][..], &["--per-binary"], &["--stress-count", "3"]] {
            let call = beside.call("", &[("test(=elsewhere)", root)]);
            call.arguments(flags).arguments(both).run().with_code(0);
        }
    }
    assert_eq!(fs::read_to_string(beside.path("root/etc/whose")).unwrap(), "its own");
    let call = || beside.call("", &[("test(=elsewhere)", &directory)]);
    let (_, lines) = call().arguments(both).lines();
    let remark = format!("isotest.toml:5: the root file system is `{}`", beside.path("root").display());
    let remarks = lines.started["remarks"].to_string();
    assert!(remarks.contains("for 1 test, `root` in ") && remarks.contains(&remark), "{remarks}");
    // What is typed holds for all tests.
    call().arguments(["--root", "host", "at_home"]).run().with_code(0);
    call().arguments(["--root", "host", "elsewhere"]).run().with_code(100);
    // The first of several holds.
    let several = |roots: [&str; 2]| {
        beside.call("", &roots.map(|root| ("test(=elsewhere)", root))).arguments(both).run()
    };
    several([&directory, "host"]).with_code(0);
    several(["host", &directory]).with_code(100);
    let shown = call().arguments(["show-config", "one elsewhere"]).run().with_code(0).stdout;
    let place = format!("override, {}:5\n", beside.path("isotest.toml").display());
    assert!(shown.contains(&format!("  root                \"{directory}\"")), "{shown}");
    assert!(shown.contains(&place), "{shown}");
    let shown = call().arguments(["show-config", "one at_home"]).run().with_code(0).stdout;
    assert!(shown.contains("  root                \"host\"") && !shown.contains(&directory), "{shown}");
}

#[test]
fn the_variables_of_an_image_are_those_of_the_tests_in_it() {
    let beside = Beside::new();
    beside.image("image");
    let call = || beside.call("", &[("test(image)", &beside.root("oci", "image"))]);
    call().arguments(["of_an_image", "at_home"]).run().with_code(0);
    beside.call("", &[]).arguments(["of_an_image"]).run().with_code(100);
    let explained = |test: &str| call().arguments(["explain", test]).run().with_code(0).stdout;
    assert!(explained("of_an_image").contains("OF_IMAGE=yes"));
    assert!(!explained("at_home").contains("OF_IMAGE"));
}

#[test]
fn a_binary_is_asked_for_its_tests_in_the_root_of_all_of_them() {
    let beside = Beside::new();
    fs::create_dir(beside.path("empty")).unwrap();
    let [own, empty] = ["root", "empty"].map(|name| beside.root("dir", name));
    let profile = format!("root = \"{empty}\"");
    let of_all = [("package(one)", own.as_str())];
    beside.call(&profile, &of_all).arguments(["elsewhere"]).run().with_code(0);
    let refused = beside.call(&profile, &[]).arguments(["elsewhere"]).run().with_code(104);
    let said = "isotest.toml:2: this root lacks what test binaries need: `one`: its dynamic loader";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
}

#[test]
fn a_root_of_some_tests_that_is_none_is_said_with_its_line_before_any_test() {
    let beside = Beside::new();
    fs::create_dir(beside.path("empty")).unwrap();
    fs::write(beside.path("broken"), "no archive").unwrap();
    let call = |root: &str| beside.call("", &[("test(=elsewhere)", root)]);
    for (kind, name, code, expected) in [
        ("dir", "nowhere", 96, "` as a root: No such file or directory (os error 2)"),
        ("dir", "broken", 96, "` as a root: Not a directory (os error 20)"),
        ("tar", "broken", 96, "` as a root: the archive is truncated"),
        ("oci", "broken", 96, "` as a root: the archive is truncated"),
        (
            "flat",
            "earth",
            96,
            "`: expected \"host\", \"minimal\", \"dir:PATH\", \"tar:PATH\" or \"oci:PATH\"",
        ),
        ("dir", "empty", 104, "this root lacks what test binaries need: `one`: its dynamic loader `/"),
    ] {
        let ended = call(&beside.root(kind, name)).run().with_code(code);
        assert_eq!(ended.stdout, "", "{kind}:{name}");
        let first = ended.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert!(first.contains("isotest.toml:5: ") && first.contains(expected), "{first}");
        assert_eq!(ended.stderr.matches("error: ").count(), 1, "{}", ended.stderr);
    }
    // Nobody is in the way who does not need it, and nothing is unpacked for who executes nothing.
    for (kind, name) in [("dir", "empty"), ("dir", "nowhere"), ("tar", "broken")] {
        call(&beside.root(kind, name)).arguments(["at_home"]).run().with_code(0);
    }
    beside.pack("root.tar");
    let roots = beside.project.target.join("isotest/roots");
    let unpacked =
        || fs::read_dir(&roots).into_iter().flatten().flatten().filter(|root| root.path().is_dir()).count();
    let known = unpacked();
    for root in [beside.root("tar", "root.tar"), beside.root("tar", "broken")] {
        let unused = format!("[profile.other]\nroot = \"{root}\"");
        let of_some = [("test(=elsewhere)", root.as_str())];
        for arguments in [&["list"][..], &["--no-run"], &["show-config"], &["show-config", "one elsewhere"]] {
            beside.call("", &of_some).arguments(arguments.iter().copied()).run().with_code(0);
            beside.call(&format!("\n{unused}"), &[]).arguments(arguments.iter().copied()).run().with_code(0);
        }
        beside.call("", &[("all()", &root)]).arguments(["--no-run"]).run().with_code(0);
    }
    assert_eq!(unpacked(), known);
    let hiding = |root: &str| beside.call("hide-package = true", &[("test(=elsewhere)", root)]);
    let said = "isotest.toml:2: `hide-package = true` requires `root = \"minimal\"`";
    let ended = hiding("host").run().with_code(96);
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    hiding("minimal").arguments(["at_home"]).run().with_code(0);
}
