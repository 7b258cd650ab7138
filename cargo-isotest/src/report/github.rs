//! Formats the results of a run as GitHub's runner reads them: annotations, and outputs of a step; pure.

use crate::report::account::{Account, Facts, Script, Test};
use crate::text::sanitize::word;
use crate::verdict::Effect;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Number of failures that are shown: the runner shows ten annotations of a step, and drops the others without a
/// word.
const SHOWN: usize = 9;

/// Makes one line for each of the gravest failures, and one for all the others. Places are told from `repository`,
/// where the runner looks for them; failures in `touched` files come before the others.
pub(crate) fn annotations(
    account: &Account,
    repository: Option<&Path>,
    touched: &HashSet<PathBuf>,
) -> String {
    let mut failures = account.failures();
    failures.sort_by_key(|test| {
        let place = test.last.facts.place(account);
        !place.is_some_and(|place| touched.contains(&from(repository, account, &place.file)))
    });
    let gap = account.gap().map(|gap| command("title=INCOMPLETE", &word(&gap)));
    let tests = failures.iter().map(|test| of_test(test, account, repository));
    let processes = account.unexplained().map(|process| {
        let title =
            format!("title={}", property(&format!("{} {}", process.facts.status(), process.binary_id)));
        command(&title, &process.facts.headline(None))
    });
    let scripts = account.failed_scripts().map(of_script);
    let all: Vec<_> = gap.into_iter().chain(scripts).chain(tests).chain(processes).collect();
    let mut lines: String = all.iter().take(SHOWN).map(String::as_str).collect();
    if all.len() > SHOWN {
        let more = format!("{} more did not pass: see the summary of this job", all.len() - SHOWN);
        lines += &command("title=More tests did not pass", &more);
    }
    lines
}

fn of_test(test: &Test, account: &Account, repository: Option<&Path>) -> String {
    let facts = &test.last.facts;
    let place = facts.place(account);
    let mut properties = String::new();
    if let Some(place) = &place {
        let file = property(&from(repository, account, &place.file).to_string_lossy());
        // Writing to a `String` cannot fail.
        let _ = write!(properties, "file={file},line={},col={},", place.line, place.column);
    }
    let title = format!("{} {}", facts.status(), test.title());
    let _ = write!(properties, "title={}", property(&title));
    let again = format!("again: {}", word(&test.command()));
    let mut lines = vec![facts.headline(place.as_ref()), first_words(facts), again];
    lines.retain(|line| !line.is_empty());
    command(&properties, &lines.join("\n"))
}

/// Returns the path of a file of the workspace from the repository.
fn from(repository: Option<&Path>, account: &Account, file: &str) -> PathBuf {
    let workspace = account.started.as_ref().and_then(|started| started.workspace.as_deref());
    let above = repository.zip(workspace).and_then(|(top, own)| Path::new(own).strip_prefix(top).ok());
    above.unwrap_or(Path::new("")).join(file)
}

fn of_script(script: &Script) -> String {
    let facts = &script.facts;
    let title = property(&format!("{} setup script {}", facts.status(), script.name));
    let mut lines = vec![facts.headline(None), first_words(facts)];
    lines.retain(|line| !line.is_empty());
    command(&format!("title={title}"), &lines.join("\n"))
}

/// Returns the first lines of the output, from the panic on if there is one.
fn first_words(facts: &Facts) -> String {
    let output = facts.output();
    let panicked = output.lines().position(|line| line.contains(" panicked at ")).unwrap_or(0);
    let lines = output.lines().skip(panicked).filter(|line| !line.is_empty());
    lines.take(12).collect::<Vec<_>>().join("\n")
}

/// Returns counts as `name=value`, a line each.
pub(crate) fn outputs(account: &Account) -> String {
    let count = |effect| account.with(effect).count();
    let over = account.tests.iter().filter(|test| test.last.facts.outcome == "over-budget").count();
    let failed = count(Effect::Fails) + count(Effect::Undecided) + account.unexplained().count();
    let peak = account.tests.iter().filter_map(|test| test.last.facts.figure("memory_peak_bytes")).max();
    let peak = peak.map_or_else(String::new, |peak| peak.to_string());
    let passed = count(Effect::Passes);
    format!("passed={passed}\nfailed={failed}\nflaky={}\nover-budget={over}\npeak={peak}\n", account.flaky())
}

fn command(properties: &str, message: &str) -> String {
    format!("::error {properties}::{}\n", data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&word(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt, script, unfinished};
    use serde_json::json;

    #[test]
    fn the_gravest_come_first_and_the_tenth_line_counts_the_rest() {
        let mut lines: Vec<_> =
            (0..20).map(|n| attempt("tour", &format!("t{n}"), "fails", &json!({}))).collect();
        lines.push(attempt("tour", "big", "fails", &json!({"outcome": "oom-killed"})));
        lines.push(attempt("tour", "lost", "undecided", &json!({"outcome": "not-isolated"})));
        let text = annotations(&account(&lines), None, &HashSet::new());
        let titles: Vec<_> = text.lines().map(|line| line.split("::").nth(1).unwrap()).collect();
        assert_eq!(titles.len(), 10, "{text}");
        assert_eq!(
            titles[..3],
            ["error title=NOT-ISOLATED tour lost", "error title=OOM tour big", "error title=FAIL tour t0"]
        );
        assert!(text.ends_with(
            "::error title=More tests did not pass::13 more did not pass: see the summary of this job\n"
        ));
    }

    #[test]
    fn failures_in_touched_files_come_first_and_among_them_the_gravest() {
        let at = |file: &str, outcome: &str| json!({"outcome": outcome, "stderr": format!("x panicked at src/{file}:3:5:\nno")});
        let lines = [
            attempt("tour", "elsewhere", "fails", &at("b.rs", "oom-killed")),
            attempt("tour", "touched", "fails", &at("a.rs", "failed")),
            attempt("tour", "touched_large", "fails", &at("a.rs", "over-budget")),
        ];
        let account = account(&lines);
        let titles = |touched: &[&str]| {
            let touched = touched.iter().map(PathBuf::from).collect();
            let text = annotations(&account, Some(Path::new("/home/a")), &touched);
            let titles = text.lines().filter_map(|line| line.split("title=").nth(1)?.split("::").next());
            titles.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            titles(&["src/a.rs"]),
            ["OOM tour elsewhere", "OVER-BUDGET tour touched_large", "FAIL tour touched"]
        );
        assert_eq!(
            titles(&["w/src/a.rs"]),
            ["OVER-BUDGET tour touched_large", "FAIL tour touched", "OOM tour elsewhere"]
        );
    }

    #[test]
    fn a_place_is_told_from_the_repository() {
        let facts = json!({"stderr": "x panicked at src/a,b.rs:3:5:\nno"});
        let account = account(&[attempt("tour", "m::t", "fails", &facts)]);
        let text = annotations(&account, Some(Path::new("/home/a")), &HashSet::new());
        assert!(
            text.starts_with("::error file=w/src/a%2Cb.rs,line=3,col=5,title=FAIL tour m%3A%3At::FAIL · "),
            "{text}"
        );
        assert!(text.contains("%0Aagain: cargo isotest --features 'a b' 'tour m::t'\n"), "{text}");
    }

    #[test]
    fn no_name_and_no_output_makes_another_command() {
        let hostile = "a\n::add-mask::x\r%0A::b,c=d::e\u{2028}";
        let account = account(&[attempt(hostile, hostile, "fails", &json!({"stdout": hostile}))]);
        let text = annotations(&account, None, &HashSet::new());
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.starts_with("::error title=FAIL a␊%3A%3Aadd-mask%3A%3Ax␍%250A%3A%3Ab%2Cc=d%3A%3Ae"),
            "{text}"
        );
    }

    #[test]
    fn outputs_are_counts_and_a_run_without_its_end_is_said() {
        let flaky = json!({"outcome": "flaky", "usage": {"memory_peak_bytes": 900_000}});
        let lines = [attempt("tour", "a", "passes", &flaky), attempt("tour", "b", "fails", &json!({}))];
        let text = outputs(&account(&lines));
        assert_eq!(text, "passed=1\nfailed=1\nflaky=1\nover-budget=0\npeak=900000\n");
        assert!(
            annotations(&unfinished(&lines), None, &HashSet::new())
                .starts_with("::error title=INCOMPLETE::the end of the run")
        );
    }
    #[test]
    fn a_setup_script_that_failed_comes_before_the_tests() {
        let failed = script("db", "fails", &json!({"stderr": "no room\n"}));
        let account = account(&[script("a", "passes", &json!({})), failed]);
        let text = annotations(&account, None, &HashSet::new());
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with("::error title=FAIL setup script db::FAIL · "), "{text}");
        assert!(text.ends_with("%0Ano room\n"), "{text}");
    }
}
