//! What stands in unusual places: path dependencies in directories for temporary files, and those in the target directory.

use crate::call::isotest;
use crate::project::Project;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str =
    "[package]\nname = \"shared\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

/// Lets plain cargo execute the tests, which pass.
fn passes_plainly(project: &Project, temporary: &Path) {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--offline", "--manifest-path"]).arg(project.manifest());
    cargo.arg("--target-dir").arg(&project.target).env("TMPDIR", temporary);
    assert!(cargo.output().unwrap().status.success());
}

#[test]
fn path_dependencies_are_shown_where_they_lie_among_temporary_files() {
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let deep = "pub fn deep() -> &'static str { concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/table\") }";
    let manifest =
        format!("{}[dependencies]\ndeep.path = \"../deep\"\n", MANIFEST.replace("[workspace]\n", ""));
    let files = [
        ("deep/Cargo.toml", MANIFEST.replace("shared", "deep").replace("[workspace]\n", "")),
        ("deep/src/lib.rs", deep.to_owned()),
        ("deep/table", "deep".to_owned()),
        ("shared/Cargo.toml", manifest),
        ("shared/src/lib.rs", "pub use deep::deep;".to_owned()),
        (
            "user/Cargo.toml",
            format!(
                "{}[dev-dependencies]\nshared.path = \"../shared\"\n",
                MANIFEST.replace("\"shared\"", "\"user\"")
            ),
        ),
        (
            "user/src/lib.rs",
            "#[test] fn reads() { assert_eq!(std::fs::read_to_string(shared::deep()).unwrap(), \"deep\") }\n\
             #[test] fn writes() { std::fs::write(shared::deep(), \"deep\").unwrap() }\n\
             #[test] fn sees_no_stranger() { assert!(!std::fs::exists(\"../stranger\").unwrap()) }\n"
                .to_owned(),
        ),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let written = Project::written(place.path(), &files);
    let project =
        Project { directory: place.path().join("user"), target: written.directory.join("user/target") };
    passes_plainly(&project, Path::new("/tmp"));
    std::fs::write(place.path().join("stranger"), "").unwrap();
    let (_, lines) = isotest(&project).arguments(["--offline"]).lines();
    for name in ["reads", "writes", "sees_no_stranger"] {
        assert_eq!(lines.outcome("user", name), "passed");
    }
}

#[test]
fn temporary_files_in_the_target_directory_hide_no_test() {
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let source = "#[test] fn makes() {\n\
         let place = std::env::temp_dir();\n\
         assert!(std::env::current_exe().unwrap().starts_with(&place));\n\
         std::fs::File::create_new(place.join(\"made\")).unwrap(); }";
    let project = Project::written(place.path(), &[("Cargo.toml", MANIFEST), ("src/lib.rs", source)]);
    passes_plainly_once(&project);
    for temporary in ["target", "target/debug", "target/debug/deps"] {
        let temporary = place.path().join(temporary);
        let call = isotest(&project).arguments(["--offline"]).variable("TMPDIR", &temporary);
        call.run().with_code(0);
        assert!(!temporary.join("made").exists());
    }
}

/// Like [`passes_plainly`], with what it makes removed.
fn passes_plainly_once(project: &Project) {
    std::fs::create_dir_all(&project.target).unwrap();
    passes_plainly(project, &project.target);
    std::fs::remove_file(project.target.join("made")).unwrap();
}
