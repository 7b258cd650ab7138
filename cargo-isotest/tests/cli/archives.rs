//! Archives: tests that are built on one machine and executed on another, which has neither sources nor cargo.

use crate::call::{Call, bare, isotest};
use crate::project::Project;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// An archive of a project that is gone, and a directory from which it is executed.
struct Elsewhere {
    place: TempDir,
    project: Project,
}

impl Elsewhere {
    fn of(name: &str, arguments: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let project = Project::copied(name, &place.path().join("built"));
        Self::archived(place, project, arguments)
    }

    fn archived(place: TempDir, project: Project, arguments: &[&str]) -> Self {
        let elsewhere = Self { place, project };
        let file = elsewhere.file().display().to_string();
        let call = isotest(&elsewhere.project).within(&elsewhere.project.directory);
        call.arguments(["archive", "--archive-file", &file]).arguments(arguments).run().with_code(0);
        fs::remove_dir_all(elsewhere.place.path().join("built")).unwrap();
        fs::create_dir(elsewhere.place.path().join("here")).unwrap();
        elsewhere
    }

    fn file(&self) -> PathBuf {
        self.place.path().join("a.tar.zst")
    }

    /// A call without cargo.
    fn call(&self) -> Call {
        let mut call =
            bare().arguments(["--archive-file", "../a.tar.zst"]).within(&self.place.path().join("here"));
        call.command.env("PATH", "/usr/bin:/bin").env("TMPDIR", self.place.path().join("here"));
        for name in ["CARGO", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            call.command.env_remove(name);
        }
        call
    }

    fn refused(&self, code: i32) -> String {
        self.call().run().with_code(code).stderr
    }

    fn is_left_as_it_was(&self) -> bool {
        let names = |directory: PathBuf| fs::read_dir(directory).unwrap().count();
        names(self.place.path().join("here")) == 0 && !self.place.path().join("built").exists()
    }
}

fn verdicts(attempts: &[Value]) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let title = |attempt: &Value| format!("{} {}", text(&attempt["binary_id"]), text(&attempt["name"]));
    attempts.iter().map(|attempt| (title(attempt), text(&attempt["outcome"]))).collect()
}

#[test]
fn tests_find_all_that_was_built_and_their_files_at_the_old_paths() {
    for name in ["surroundings", "workspace", "tour"] {
        let (_, there) = isotest(&Project::fixture(name)).within(&Project::fixture(name).directory).lines();
        let elsewhere = Elsewhere::of(name, &[]);
        let (ended, here) = elsewhere.call().lines();
        assert_eq!(verdicts(&here.attempts), verdicts(&there.attempts), "{name}: {}", ended.stderr);
        assert!(elsewhere.is_left_as_it_was(), "{name}");
    }
}

/// A test that reads a file of its package by the path that was compiled in, and one that git ignores.
const READS: &str = r#"
#[test]
fn reads_its_file() {
    let directory = env!("CARGO_MANIFEST_DIR");
    assert_eq!(std::env::var("CARGO_MANIFEST_DIR").as_deref(), Ok(directory));
    assert_eq!(std::fs::read_to_string(format!("{directory}/data/file")).unwrap(), "kept");
    assert!(std::fs::read_link(format!("{directory}/data/link")).unwrap().ends_with("file"));
    assert!(!std::fs::exists(format!("{directory}/ignored")).unwrap());
    std::fs::write(format!("{directory}/data/new"), "thrown away").unwrap();
}

#[test]
fn finds_its_package_where_the_environment_says() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    assert_eq!(std::env::current_dir().unwrap().to_str(), Some(&*directory));
    assert_eq!(std::fs::read_to_string(format!("{directory}/data/file")).unwrap(), "kept");
}
"#;

fn reading() -> Elsewhere {
    let place = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"reads\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    let files =
        [("Cargo.toml", manifest), ("tests/reads.rs", READS), ("tests/other.rs", "#[test] fn other() {}")];
    let more = [("data/file", "kept"), ("ignored", ""), (".gitignore", "/target\n/ignored\n")];
    let project = Project::written(&place.path().join("built"), &[&files[..], &more].concat());
    std::os::unix::fs::symlink("file", project.directory.join("data/link")).unwrap();
    assert!(
        Command::new("git").args(["init", "-q"]).current_dir(&project.directory).status().unwrap().success()
    );
    Elsewhere::archived(place, project, &["-E", "binary(reads)"])
}

#[test]
fn paths_that_were_compiled_in_hold_and_others_are_moved_on_request() {
    let elsewhere = reading();
    let (ended, lines) = elsewhere.call().lines();
    assert_eq!((ended.status.code(), lines.attempts.len()), (Some(0), 2), "{ended:?}");
    let other = elsewhere.place.path().join("moved").display().to_string();
    let (ended, lines) = elsewhere.call().arguments(["--workspace-remap", &other]).lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:?}");
    assert_eq!(lines.outcome("reads::reads", "finds_its_package_where_the_environment_says"), "passed");
    assert_eq!(lines.outcome("reads::reads", "reads_its_file"), "failed", "its path was compiled in");
    assert!(elsewhere.is_left_as_it_was());
    // What a run has left that was killed, the next one removes.
    fs::create_dir_all(elsewhere.place.path().join("here/isotest-archive-killed/files")).unwrap();
    let listed = elsewhere.call().arguments(["list"]).run().with_code(0);
    assert!(!listed.stdout.contains("other"), "it was not selected: {}", listed.stdout);
    assert!(elsewhere.is_left_as_it_was());
}

#[test]
fn what_is_no_whole_archive_for_this_machine_is_refused_in_a_sentence() {
    let elsewhere = reading();
    let whole = fs::read(elsewhere.file()).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(elsewhere.file(), bytes).unwrap();
        let said = elsewhere.refused(2);
        assert!(elsewhere.is_left_as_it_was(), "{said}");
        said
    };
    for length in [whole.len() - 1, whole.len() / 2, 1000] {
        let said = refused(&whole[..length]);
        assert!(said.contains("a.tar.zst`: the archive is truncated"), "{length}: {said}");
    }
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    assert!(refused(&damaged).contains("a.tar.zst`: the archive is damaged: its digest is "));
    assert!(refused(b"no archive").contains("this is no archive of `cargo isotest archive`"));
    assert!(refused(&[0; 4096]).contains("this is no archive"));
    fs::remove_file(elsewhere.file()).unwrap();
    assert!(elsewhere.refused(2).contains("the archive cannot be read: No such file"));
}

/// A sealed archive with this manifest and these names.
fn sealed(manifest: &str, names: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(u64::try_from(manifest.len()).unwrap());
    archive.append_data(&mut header, "isotest-archive.json", manifest.as_bytes()).unwrap();
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_size(0);
        header.set_cksum();
        archive.append(&header, &[][..]).unwrap();
    }
    let mut packed = archive.into_inner().unwrap();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("content");
    File::create(&file).unwrap().write_all(&packed).unwrap();
    let said = Command::new("sha256sum").arg(&file).output().unwrap().stdout;
    let hex = String::from_utf8(said).unwrap();
    packed.extend([0x5d, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]);
    packed.extend((0..32).map(|byte| u8::from_str_radix(&hex[2 * byte..2 * byte + 2], 16).unwrap()));
    packed
}

#[test]
fn what_was_sealed_by_somebody_else_does_no_harm() {
    let elsewhere = reading();
    let plain = |architecture: &str| {
        format!(
            r#"{{"format":1,"version":"0.1.0","architecture":"{architecture}","workspace":"/nonexistent/w","target":"/nonexistent/w/t",
            "build":"/nonexistent/w/t","packages":[],"dependencies":[],"programs":[],"is_whole":true,"untested_documentation":[],
            "known_packages":[],"known_binaries":[],"known_binary_ids":[],"past":{{"tests":{{}}}},"binaries":[{{"id":"a",
            "package":"a","name":"a","kind":"lib","dependencies":[],"dependents":[],"harness":true,"path":"/nonexistent/w/a",
            "directory":"/nonexistent/w","environment":[],"runner":[]}}]}}"#
        )
    };
    let said = |manifest: &str, names: &[&str]| {
        fs::write(elsewhere.file(), sealed(manifest, names)).unwrap();
        let said = elsewhere.refused(2);
        assert!(elsewhere.is_left_as_it_was(), "{said}");
        said
    };
    let here = plain(std::env::consts::ARCH);
    let climbs = said(&here, &["files/../../escaped"]);
    assert!(climbs.contains("the entry `files/../../escaped` is outside of the root"), "{climbs}");
    let foreign = said(&plain("riscv64"), &[]);
    assert!(
        foreign.contains("the tests of the archive are built for riscv64, and this machine is "),
        "{foreign}"
    );
    let later = said(r#"{"format":2,"version":"9.1.0","anything":true}"#, &[]);
    assert!(
        later.contains("was written by cargo-isotest 9.1.0, which this version does not understand"),
        "{later}"
    );
    assert!(said("{}", &[]).contains("the archive does not say what is in it: "));
    let refused = elsewhere.call().arguments(["--release"]).run().with_code(2).stderr;
    assert!(refused.contains("the tests are built already: `--release` has no effect on them"), "{refused}");
}

/// An archive as nextest writes it, with these descriptions and nothing else.
fn of_nextest(binaries: &str, metadata: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in [("binaries-metadata", binaries), ("cargo-metadata", metadata)] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(u64::try_from(text.len()).unwrap());
        archive.append_data(&mut header, format!("target/nextest/{name}.json"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn an_archive_of_nextest_needs_the_sources() {
    let elsewhere = reading();
    let package = elsewhere.place.path().join("gone");
    let manifest = package.join("Cargo.toml").display().to_string();
    let target = package.join("target").display().to_string();
    let id = format!("path+file://{}#gone@0.1.0", package.display());
    let metadata = serde_json::json!({
        "packages": [{
            "name": "gone", "version": "0.1.0", "id": id, "dependencies": [], "features": {}, "manifest_path": manifest,
            "targets": [{"kind": ["lib"], "crate_types": ["lib"], "name": "gone", "src_path": manifest, "edition": "2024",
                         "doctest": true, "test": true, "doc": true}],
        }],
        "workspace_members": [id], "resolve": null, "workspace_root": package, "target_directory": target, "version": 1,
    });
    let described = serde_json::json!({
        "rust-build-meta": {"target-directory": target, "base-output-directories": ["debug"], "non-test-binaries": {},
                            "linked-paths": []},
        "rust-binaries": {"gone": {"binary-id": "gone", "binary-name": "gone", "package-id": id, "kind": "lib",
                                   "binary-path": format!("{target}/debug/deps/gone-1"), "build-platform": "target"}},
    });
    let said = |binaries: &str, metadata: &str| {
        fs::write(elsewhere.file(), of_nextest(binaries, metadata)).unwrap();
        elsewhere.refused(2)
    };
    let (described, metadata) = (described.to_string(), metadata.to_string());
    let missing = said(&described, &metadata);
    assert!(missing.contains(&format!("`{manifest}` is not there")), "{missing}");
    assert!(missing.contains("or name their workspace with `--workspace-remap`"), "{missing}");
    let half = said(&described[..described.len() / 2], &metadata);
    assert!(
        half.contains("executed here: the description of its binaries cannot be read: EOF while parsing"),
        "{half}"
    );
    let other = said(&described, "{}");
    assert!(other.contains("missing field `packages`"), "{other}");
    assert!(elsewhere.is_left_as_it_was());
}
