//! `cargo isotest closure`: what a program needs.

use crate::call::{Ended, bare};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

fn closure(arguments: &[&str]) -> Ended {
    bare().arguments(["closure"]).arguments(arguments).run()
}

/// A program in `place` that needs a library there which needs another one.
fn chain(place: &Path) -> String {
    let compile = |arguments: &str, text: &str| {
        fs::write(place.join("source.c"), text).unwrap();
        let mut compiler = Command::new("cc");
        compiler.current_dir(place).args(["source.c", "-L.", "-Wl,-rpath,$ORIGIN", "-Wl,--no-as-needed"]);
        assert!(compiler.args(arguments.split(' ')).status().unwrap().success());
    };
    compile("-shared -o libinner.so", "int inner(void) { return 0; }");
    compile("-shared -o libouter.so -linner", "int inner(void); int outer(void) { return inner(); }");
    compile("-o program -louter -Wl,-rpath-link,.", "int outer(void); int main(void) { return outer(); }");
    place.join("program").to_str().unwrap().to_owned()
}

#[test]
fn a_missing_library_is_named_with_who_needs_it() {
    let place = tempfile::tempdir().unwrap();
    let program = chain(place.path());
    assert!(Command::new(&program).status().unwrap().success());
    let shown = closure(&[&program]).with_code(0).stdout;
    let outer = place.path().join("libouter.so").display().to_string();
    assert!(shown.starts_with(&format!("{program}\n├─ ")), "{shown}");
    assert!(shown.contains(&format!("libouter.so => {outer}\n")), "{shown}");
    assert!(shown.contains("libinner.so => ") && !shown.contains("not found"), "{shown}");
    let line = || -> Value {
        serde_json::from_str(&closure(&["--message-format", "json", &program]).with_code(0).stdout).unwrap()
    };
    assert_eq!(line()["missing"], serde_json::json!([]));

    fs::remove_file(place.path().join("libinner.so")).unwrap();
    assert!(!Command::new(&program).status().unwrap().success(), "control");
    let shown = closure(&[&program]).with_code(0).stdout;
    assert!(shown.contains("─ libinner.so => not found\n"), "{shown}");
    assert_eq!(line()["missing"], serde_json::json!([{ "name": "libinner.so", "needed_by": outer }]));
}

#[test]
fn what_is_no_program_is_said() {
    let place = tempfile::tempdir().unwrap();
    let script = place.path().join("script");
    fs::write(&script, "#!/bin/sh -e\n").unwrap();
    let nothing = place.path().join("nothing").display().to_string();
    for (path, expected) in [
        (nothing.as_str(), "No such file or directory"),
        (script.to_str().unwrap(), "it is a script, executed by `/bin/sh`"),
        ("/etc/passwd", "it is not an ELF file"),
    ] {
        let stderr = closure(&[path]).with_code(2).stderr;
        assert!(
            stderr.contains(&format!("cannot find the shared libraries of `{path}`: {expected}")),
            "{stderr}"
        );
    }
}
