//! The bar on a terminal: what it shows while tests run, and that nothing is left of it.

use crate::call::{Call, isotest};
use crate::project::Project;
use crate::terminal::Terminal;
use std::fs;
use std::path::Path;

const MANIFEST: &str =
    "[package]\nname = \"waiting\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

const TESTS: &str = "
    fn wait_for(file: &str) {
        while !std::path::Path::new(\"kept\").join(file).exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    #[test] fn one() { wait_for(\"one\") }
    #[test] fn other() { wait_for(\"other\") }";

/// Two tests at once, each of which ends when its file is there.
fn call(project: &Project) -> Call {
    let kept = project.directory.join("kept");
    // The summary names the test with the highest peak, which may be either.
    let flags = ["-j", "2", "--off", "memory", "--keep", kept.to_str().unwrap()];
    isotest(project).arguments(flags).variable("TERM", "xterm")
}

fn tell(place: &Path, test: &str) {
    fs::write(place.join("kept").join(test), "").unwrap();
}

/// The lines without what differs from one run to the next: figures, and which test ended first.
fn words(text: &str) -> Vec<String> {
    let is_word = |word: &&str| !word.chars().any(|letter| letter.is_ascii_digit()) && *word != "[";
    let line = |line: &str| line.split_whitespace().filter(is_word).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<_> = text.lines().map(line).filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

#[test]
fn a_bar_shows_what_runs_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let project = Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)]);
    fs::create_dir(place.join("kept")).unwrap();
    tell(place, "one");
    tell(place, "other");
    let plain = call(&project).run().with_code(0);
    assert!(!plain.stdout.contains("Running") && !plain.stdout.contains('\x1b'), "control: {}", plain.stdout);
    fs::remove_dir_all(place.join("kept")).unwrap();
    fs::create_dir(place.join("kept")).unwrap();

    let mut terminal = Terminal::with_columns(200);
    let running = call(&project).on(&terminal, "\"$@\" 2>/dev/null; echo status $?").start();
    let last_lines = |shown: &str, bar: &str, titles: &[&str]| {
        let mut lines = shown.lines().rev();
        let (last, above) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let mut running: Vec<_> = last.trim().split(", ").collect();
        running.sort_unstable();
        running == titles && above.contains("Running [") && above.contains(bar)
    };
    terminal.wait_until_it_shows("both tests", |shown| {
        last_lines(shown, "] 0/2", &["waiting one", "waiting other"])
    });
    tell(place, "one");
    // Half of the line is full.
    terminal.wait_until_it_shows("one of two", |shown| last_lines(shown, "] 1/2 ━━", &["waiting other"]));
    assert!(terminal.shown().contains("PASS"), "{}", terminal.shown());
    tell(place, "other");
    terminal.wait_until_it_shows("end", |shown| shown.contains("status 0"));
    running.end();
    let shown = terminal.shown().replace("status 0", "");
    assert!(!shown.contains("Running") && !shown.contains('━'), "{shown}");
    assert_eq!(words(&shown), words(&plain.stdout));
}
