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

/// Looks at the bar: how many tests it counts, and whom it names.
fn bar(shown: &str) -> Option<(usize, Vec<String>)> {
    let (_, bar) = shown.rsplit_once("Running [")?;
    let (_, count) = bar.split_once("] ")?;
    let (count, rest) = count.split_once("/20")?;
    let words = rest.split_whitespace().map(|word| word.trim_end_matches(','));
    let is_name = |word: &&str| word.len() == 3 && word.starts_with('t');
    let mut named: Vec<_> = words.filter(is_name).map(str::to_owned).collect();
    let more = rest.split_once(" more").and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
    named.resize(named.len() + more.unwrap_or(0), String::new());
    Some((count.parse().ok()?, named))
}

#[test]
fn a_bar_never_names_or_leaves_out_what_stands_above_it() {
    let place = tempfile::tempdir().unwrap();
    let test = |number| {
        let time = 60 + 37 * number % 90;
        format!(
            "#[test] fn t{number:02}() {{ std::thread::sleep(std::time::Duration::from_millis({time})) }}\n"
        )
    };
    let tests: String = (0..20).map(test).collect();
    let project = Project::written(place.path(), &[("Cargo.toml", MANIFEST), ("src/lib.rs", &tests)]);
    let mut terminal = Terminal::with_columns(120);
    let call = isotest(&project).arguments(["-j", "2"]).variable("TERM", "xterm");
    let running = call.on(&terminal, "\"$@\" 2>/dev/null; echo status $?").start();
    let looks = std::cell::Cell::new(0);
    terminal.wait_until_it_shows("end", |shown| {
        if let Some((count, named)) = bar(shown) {
            let ended: Vec<_> = shown.lines().filter(|line| line.contains(" PASS [")).collect();
            let has_ended = |name: &String| ended.iter().any(|line| !name.is_empty() && line.ends_with(name));
            assert!(named.len() <= 2 && !named.iter().any(has_ended), "{named:?}\n{shown}");
            assert_eq!(ended.len(), count, "{shown}");
            looks.set(looks.get() + 1);
        }
        shown.contains("status 0")
    });
    assert!(looks.get() > 20, "{}", looks.get());
    running.end();
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
