//! House rules that clippy cannot check, over the sources of the whole workspace.
#![expect(clippy::expect_used, reason = "a test ends where it cannot go on")]

mod layers;
mod metrics;
mod names;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

/// Names that say nothing.
const VAGUE: [&str; 6] = ["utils", "util", "helpers", "common", "manager", "imp"];
/// What a module that only computes does not name.
const EFFECTS: [&str; 4] = ["fs", "process", "env", "net"];
/// The modules that only compute, beside those that begin by saying so. A name that ends in `/` stands for all below it.
const PURE: &[&str] = &[
    "isotest-core/src/explain/",
    "isotest-core/src/host/mod.rs",
    "isotest-core/src/host/surroundings.rs",
    "isotest-core/src/limits.rs",
    "isotest-core/src/outcome.rs",
    "isotest-core/src/plan/",
    "isotest-core/src/policy.rs",
    "isotest-core/src/record.rs",
    "isotest-core/src/step/",
    "isotest-core/src/usage.rs",
    "isotest-core/src/wire.rs",
    "cargo-isotest/src/exit.rs",
    "cargo-isotest/src/report/json/",
    "cargo-isotest/src/schedule/events.rs",
    "cargo-isotest/src/schedule/summary.rs",
    "cargo-isotest/src/select/",
    "cargo-isotest/src/testcase.rs",
];

/// Words with which a comment begins that does not name its subject.
const NO_SUBJECT: [&str; 33] = [
    "After", "As", "At", "Before", "By", "For", "From", "How", "If", "In", "It", "Its", "None", "Nothing",
    "Of", "On", "Only", "So", "Some", "That", "Their", "They", "This", "Those", "To", "What", "When",
    "Where", "Which", "Who", "Whoever", "Whose", "With",
];
/// Sources whose comments are help texts.
const HELP_TEXTS: [&str; 2] = ["cargo-isotest/src/cli/", "cargo-isotest/src/values/"];

/// Folders, and the crate that nothing below them names.
const STRANGERS: [(&str, &str); 1] = [("cargo-isotest/src/cli/", "isotest_core")];

/// The crates whose pages state the layers of their modules.
const LAYERED: [&str; 2] = ["isotest-core", "cargo-isotest"];

/// A source file: its path from the workspace's root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The text up to the tests in the file.
    fn product(&self) -> &str {
        let mut tests = self.text.match_indices("#[cfg(test)]\n").filter(|(at, _)| {
            let mut lines = self.text[*at..].lines().skip_while(|line| line.starts_with("#["));
            lines.next() == Some("mod tests {")
        });
        tests.next().map_or(&*self.text, |(at, _)| &self.text[..at])
    }

    /// The lines with comments and string literals blanked out, since those may speak of anything.
    fn code(&self) -> Vec<String> {
        self.product().lines().map(without_strings).map(|line| without_comment(&line).to_owned()).collect()
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    check(|source| {
        let head = source.text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
        (!head.starts_with("//! ")).then(|| "does not begin with `//!`".to_owned()).into_iter().collect()
    });
}

#[test]
fn unsafe_code_stays_behind_the_fence() {
    check(|source| {
        let fenced = source.path.starts_with("isotest-core/src/sys/") || source.path.starts_with("fixtures/");
        if fenced { Vec::new() } else { lines_with(source, |line| words(line).any(|word| word == "unsafe")) }
    });
}

#[test]
fn pure_modules_name_no_effects() {
    check(|source| if is_pure(source) { lines_with(source, names_an_effect) } else { Vec::new() });
}

#[test]
fn pure_modules_exist() {
    let sources = sources();
    let named = |prefix: &str| sources.iter().any(|source| source.path.starts_with(prefix));
    let missing: Vec<&str> = PURE.iter().copied().filter(|name| !named(name)).collect();
    assert!(missing.is_empty(), "listed as pure, but not there: {missing:?}");
}

#[test]
fn the_command_line_names_nothing_of_the_core() {
    for (folder, _) in STRANGERS {
        assert!(sources().iter().any(|source| source.path.starts_with(folder)), "{folder} is not there");
    }
    check(strangers);
}

#[test]
fn a_stranger_is_found_however_it_is_named() {
    let planted = |path: &str, line: &str| {
        let text = format!("//! Planted.\n{line}\n");
        strangers(&Source { path: path.to_owned(), text }).len()
    };
    let own = "cargo-isotest/src/cli/mod.rs";
    assert_eq!(planted(own, "use isotest_core::limits::Limits;"), 1);
    assert_eq!(planted(own, "use {clap::Args, isotest_core as core};"), 1);
    assert_eq!(planted(own, "    pub(crate) limits: isotest_core::limits::Limits,"), 1);
    assert_eq!(planted(own, "// Nothing of `isotest_core`."), 0);
    assert_eq!(planted("cargo-isotest/src/settings/mod.rs", "use isotest_core::limits::Limits;"), 0);
}

#[test]
fn modules_name_only_lower_layers() {
    let sources = sources();
    for name in LAYERED {
        let prefix = format!("{name}/src/");
        let below = sources.iter().filter_map(|source| {
            let path = source.path.strip_prefix(&prefix)?.to_owned();
            Some(layers::File { path, text: source.text.clone() })
        });
        let found = layers::violations(&below.collect::<Vec<_>>());
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn contributors_are_sent_to_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let text = fs::read_to_string(root.join(".github/CONTRIBUTING.md")).expect("the page is text");
    let quoted = text.split('`').skip(1).step_by(2);
    let is_source = |word: &str| Path::new(word).extension().is_some_and(|extension| extension == "rs");
    let paths = quoted.filter(|word| word.contains('/') && (word.ends_with('/') || is_source(word)));
    let sources: Vec<String> = sources().into_iter().map(|source| source.path).collect();
    // Where its folder has been named before, a path begins below that.
    let is_below = |path: &str| sources.iter().any(|source| source.contains(&format!("/{path}")));
    let is_there = |path: &str| root.join(path).exists() || is_below(path);
    let paths: Vec<&str> = paths.filter(|path| !path.starts_with(".ci")).collect();
    assert!(paths.len() > 30, "only {} paths were found", paths.len());
    let gone: Vec<&&str> = paths.iter().filter(|path| !is_there(path)).collect();
    assert!(gone.is_empty(), ".github/CONTRIBUTING.md: {gone:?}");
}

#[test]
fn names_say_something() {
    check(|source| {
        let vague = source.path.trim_end_matches(".rs").split('/').find(|part| VAGUE.contains(part));
        let mut found: Vec<String> = vague.map(|part| format!("is named `{part}`")).into_iter().collect();
        found.extend(lines_with(source, |line| line.contains("fn get_")));
        found
    });
}

#[test]
fn doc_comments_begin_with_a_noun_or_a_verb() {
    check(|source| {
        let is_of_product = source.path.contains("/src/") && !source.path.starts_with("fixtures/");
        let is_help = HELP_TEXTS.iter().any(|folder| source.path.starts_with(folder));
        if is_of_product && !is_help { without_subject(source.product()) } else { Vec::new() }
    });
}

#[test]
fn a_comment_without_a_subject_is_found_where_it_begins() {
    let text = "//! Rooms.\n//! What is in them.\n\n/// What it is.\n/// Size.\nstruct A {\n    /// Those of it.\n    a: u8,\n}\n// What\n";
    let found = without_subject(text);
    assert_eq!(found, ["line 4: What it is.", "line 7: Those of it."]);
}

#[test]
fn no_test_is_ignored() {
    check(|source| {
        // In fixtures, ignored tests are the subject.
        if source.path.starts_with("fixtures/") {
            return Vec::new();
        }
        let lines = source.text.lines().map(without_strings).enumerate();
        lines
            .filter(|(_, line)| line.trim_start().starts_with("#[ignore"))
            .map(|(index, _)| format!("line {}: ignored", index + 1))
            .collect()
    });
}

/// Applies a rule to every source file and fails with all that it found.
fn check(rule: impl Fn(&Source) -> Vec<String>) {
    let sources = sources();
    assert!(sources.len() > 10, "only {} source files were found", sources.len());
    let found: Vec<String> = sources
        .iter()
        .flat_map(|source| rule(source).into_iter().map(|text| format!("{}: {text}", source.path)))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn lines_with(source: &Source, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let code = source.code();
    let wrong = code.iter().enumerate().filter(|(_, line)| is_wrong(line));
    wrong.map(|(index, line)| format!("line {}: {}", index + 1, line.trim())).collect()
}

/// The first lines of comments that do not name their subject.
fn without_subject(text: &str) -> Vec<String> {
    let comment = |line: &str| {
        let line = line.trim_start();
        ["///", "//!"].iter().find_map(|mark| line.strip_prefix(mark)).map(|text| text.trim().to_owned())
    };
    let (mut found, mut continues) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let comment = comment(line);
        if let Some(text) = comment.as_ref().filter(|_| !continues)
            && text
                .split(|c: char| !c.is_alphanumeric())
                .next()
                .is_some_and(|word| NO_SUBJECT.contains(&word))
        {
            found.push(format!("line {}: {text}", index + 1));
        }
        continues = comment.is_some();
    }
    found
}

/// The lines that name what is a stranger to the file.
fn strangers(source: &Source) -> Vec<String> {
    let of_folder = STRANGERS.iter().filter(|(folder, _)| source.path.starts_with(folder));
    of_folder.flat_map(|(_, name)| lines_with(source, |line| words(line).any(|word| word == *name))).collect()
}

fn is_pure(Source { path, text }: &Source) -> bool {
    let is_listed = PURE.iter().any(|name| path == name || (name.ends_with('/') && path.starts_with(name)));
    let head = text.lines().map_while(|line| line.strip_prefix("//! "));
    is_listed || head.flat_map(words).any(|word| word == "pure" || word == "Pure")
}

/// Whether a line names an effect of the standard library or a system call, alone or in a group of imports.
fn names_an_effect(line: &str) -> bool {
    if calls_the_system(line) {
        return true;
    }
    let Some((_, rest)) = line.split_once("std::") else { return false };
    let named = if rest.starts_with('{') { rest } else { rest.split("::").next().unwrap_or(rest) };
    words(named).any(|word| EFFECTS.contains(&word))
}

/// Whether a line names a function of the C library or a module of `nix`. Error numbers, types and `Signal` are data.
fn calls_the_system(line: &str) -> bool {
    let after =
        |prefix| words_before_paths(line).filter(move |(word, _)| *word == prefix).map(|(_, rest)| rest);
    let data = |rest: &str| rest.starts_with("libc") || rest.starts_with("sys::signal::Signal");
    let function = |rest: &str| rest.starts_with(char::is_lowercase) && !rest.starts_with("c_");
    !after("nix").all(data) || after("libc").any(function)
}

/// Each word that stands before `::`, and what comes after that.
fn words_before_paths(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.match_indices("::").map(|(at, found)| {
        let word = line[..at].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next();
        (word.unwrap_or_default(), &line[at + found.len()..])
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// A line with the content of its string literals left out. Strings over several lines are not followed.
fn without_strings(line: &str) -> String {
    let mut inside = false;
    let mut escaped = false;
    let mut kept = String::new();
    for c in line.replace("'\"'", "' '").chars() {
        let quote = c == '"' && !escaped;
        escaped = inside && c == '\\' && !escaped;
        if quote {
            inside = !inside;
        }
        if quote || !inside {
            kept.push(c);
        }
    }
    kept
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// The Rust sources of the workspace's members and of the checks.
fn sources() -> Vec<Source> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_owned();
    let mut files = Vec::new();
    for directory in ["cargo-isotest", "isotest-core", "fixtures/mutations", "fixtures/probes", "ci"] {
        collect(&root.join(directory), &mut files);
    }
    files.sort();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("a source file is text"),
        path: path.strip_prefix(&root).expect("it lies below the root").to_string_lossy().into_owned(),
    };
    files.into_iter().map(read).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in
        fs::read_dir(directory).expect("the directory is there").map(|entry| entry.expect("it can be read"))
    {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
