//! Who pays for the first reading of a file: nobody's test.

use crate::call::isotest;
use crate::host;
use crate::project::Project;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::fs::{self, File};
use std::path::Path;

/// Drops a file from the page cache.
fn cool(path: &Path) {
    let file = File::open(path).unwrap();
    // Only what is on the disk can be dropped.
    file.sync_all().unwrap();
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
}

/// The memory peak of the one test that is executed, in bytes; `None` where it is not measured.
fn peak(project: &Project, flags: &[&str], program: Option<&Path>) -> Option<u64> {
    let mut call = isotest(project).arguments(flags);
    if let Some(program) = program {
        // Not seen otherwise where the repository is below /tmp.
        call = call.arguments(["--bind", program.to_str().unwrap()]).variable("PROGRAM", program);
    }
    let (ended, lines) = call.lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    // Page cache is in no figure but a cgroup's.
    lines.holds("memory").then(|| lines.attempts[0]["usage"]["memory_peak_bytes"].as_u64().unwrap())
}

/// A peak is an upper bound by so much.
fn slack() -> u64 {
    let processors = std::thread::available_parallelism().unwrap().get();
    (256 << 10) * u64::try_from(processors).unwrap()
}

#[test]
fn a_program_that_a_test_starts_is_not_read_at_its_expense() {
    let tour = Project::fixture("tour");
    let one = ["--test", "files", "counts_the_words_of_a_file"];
    let Some(warm) = peak(&tour, &one, None) else {
        return host::skip_without_cgroups("a program of the project");
    };
    cool(&tour.target.join("debug/tour"));
    let cooled = peak(&tour, &one, None).unwrap();
    assert!(cooled < warm + slack() + (256 << 10), "{cooled} bytes after it was dropped, {warm} before");
    assert!(cooled < (1 << 20) + slack(), "{cooled} bytes");
}

/// The peaks of a test that starts a program of its project, and of one that starts a copy from elsewhere, neither of them
/// in the page cache; `None` where they are not measured.
fn own_and_copy(program: &str, files: &[(&str, &[u8])]) -> Option<(u64, u64)> {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let test = "#[test]\nfn it() {\n\
        let program = std::env::var_os(\"PROGRAM\").unwrap_or(env!(\"CARGO_BIN_EXE_one\").into());\n\
        assert!(std::process::Command::new(program).status().unwrap().success());\n}\n";
    let manifest = "[package]\nname = \"one\"\nedition = \"2024\"\n[workspace]\n";
    let sources = [("Cargo.toml", manifest), ("src/main.rs", program), ("tests/it.rs", test)];
    let project = Project::written(&place.path().join("one"), &sources);
    for (name, bytes) in files {
        fs::write(place.path().join("one").join(name), bytes).unwrap();
    }
    let one = ["--test", "it"];
    peak(&project, &one, None)?;
    let own = project.target.join("debug/one");
    let copy = place.path().join("copy");
    fs::copy(&own, &copy).unwrap();
    cool(&own);
    cool(&copy);
    Some((peak(&project, &one, None).unwrap(), peak(&project, &one, Some(&copy)).unwrap()))
}

#[test]
fn what_is_no_part_of_the_project_is_paid_for() {
    let Some((own, copy)) = own_and_copy("fn main() {}\n", &[]) else {
        return host::skip_without_cgroups("a program from elsewhere");
    };
    assert!(copy > own + slack() + (512 << 10), "{copy} bytes with a cold program, {own} with its own");
}

#[test]
fn a_large_program_is_read_ahead_to_its_end() {
    const BYTES: usize = 24 << 20;
    let program = "static LARGE: &[u8] = include_bytes!(\"large\");\n\
        fn main() {\nlet pages = LARGE.iter().step_by(4096);\n\
        assert!(pages.map(|byte| u64::from(*byte)).sum::<u64>() > 1000);\n}\n";
    let Some((own, copy)) = own_and_copy(program, &[("src/large", &vec![1; BYTES])]) else {
        return host::skip_without_cgroups("a large program");
    };
    assert!(copy > BYTES as u64, "{copy} bytes with a cold program, so it is not read as a whole");
    assert!(own < (2 << 20) + slack(), "{own} bytes with its own");
}
