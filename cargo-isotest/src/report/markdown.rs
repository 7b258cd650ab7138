//! Makes a summary in Markdown of the results of a run, as GitHub reads it; pure.

use crate::report::account::{Account, Budgeted, Facts, Test};
use crate::report::changes::Changes;
use crate::report::executions::{Executions, Stressed};
use crate::verdict::Effect;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// Largest size of the document in bytes: GitHub throws away a summary of more than 1 MiB, and part of it is for
/// earlier writers.
const LARGEST: usize = 900 << 10;
/// Size reserved for headings and for saying what was left out, in bytes.
const RESERVE: usize = 8 << 10;
/// Highest number of bytes that are shown of the output of one test, from its end.
const LARGEST_OUTPUT: usize = 16 << 10;
const SHOWN: usize = 10;

/// Part of the document, whose items stand alone.
#[derive(Default)]
struct Section {
    /// Text above the items.
    head: String,
    items: Vec<String>,
    /// Name of the items.
    name: &'static str,
}

/// Makes the whole document.
pub(super) fn document(account: &Account, since: Option<&Changes>) -> String {
    within(account, since, LARGEST)
}

fn within(account: &Account, since: Option<&Changes>, largest: usize) -> String {
    let failures = account.failures();
    let mut text = top(account, &failures);
    let mut sections = [
        failed(&failures, account),
        output(&failures, account),
        unexplained(account),
        scripts(account),
        since.map_or_else(Section::default, changed),
        flaky(account),
        budgets(account),
        highest(account),
        slowest(account),
        stressed(account),
    ];
    // Sections get room in the order of their importance, the output of tests last.
    let mut room = largest.saturating_sub(RESERVE + text.len());
    let mut lost = Vec::new();
    for place in [0, 2, 3, 4, 5, 6, 7, 8, 9, 1] {
        let Section { head, items, name } = &mut sections[place];
        room = room.saturating_sub(head.len());
        let fitting = items.iter().take_while(|item| {
            let fits = item.len() <= room;
            room = if fits { room - item.len() } else { 0 };
            fits
        });
        let fitting = fitting.count();
        if fitting < items.len() {
            lost.push(format!("{} of {} {name}", items.len() - fitting, items.len()));
            items.truncate(fitting);
        }
    }
    for Section { head, items, .. } in sections.iter().filter(|section| !section.items.is_empty()) {
        text += "\n";
        text += head;
        text.extend(items.iter().map(String::as_str));
    }
    if !lost.is_empty() {
        let _ = write!(text, "\nLeft out, since this page may not be larger: {}.\n", lost.join(", "));
    }
    text
}

/// Returns the verdict, the totals, and what stands in no section.
fn top(account: &Account, failures: &[&Test]) -> String {
    let verdict = if failures.is_empty() && account.unexplained().next().is_none() && account.gap().is_none()
    {
        "passed"
    } else {
        "did not pass"
    };
    let mut text = format!("## Tests {verdict}\n\n{}\n", account.totals());
    if let Some(gap) = account.gap() {
        let _ = write!(text, "\n**Incomplete:** {}\n", encoded(&gap));
    }
    if let Some(machines) = account.told_machines() {
        let _ = write!(text, "\nMachines: {}\n", encoded(&machines));
    }
    text
}

fn failed(failures: &[&Test], account: &Account) -> Section {
    let row = |test: &&Test| {
        let facts = &test.last.facts;
        let place = facts.place(account);
        format!(
            "| {} | {} | {} |\n",
            code(&test.title()),
            code(&facts.headline(place.as_ref())),
            code(&test.command())
        )
    };
    Section {
        head: "### Not passed\n\n| test | what happened | again |\n|---|---|---|\n".to_owned(),
        items: failures.iter().map(row).collect(),
        name: "tests that did not pass",
    }
}

fn output(failures: &[&Test], account: &Account) -> Section {
    let outputs = failures.iter().filter_map(|test| {
        let facts = &test.last.facts;
        let said = said(facts)?;
        let fence = "`".repeat(3.max(longest_run(&said) + 1));
        let place = facts.place(account);
        let place = place.map_or_else(String::new, |place| format!(" {}:{}", place.file, place.line));
        let title = encoded(&(test.title() + &place));
        Some(format!("<details><summary><code>{title}</code></summary>\n\n{fence}text\n{said}\n{fence}\n\n</details>\n\n"))
    });
    Section { head: String::new(), items: outputs.collect(), name: "outputs of tests" }
}

/// Returns the notes on a test and the end of its output.
fn said(facts: &Facts) -> Option<String> {
    let output = [facts.notes(), vec![facts.output()]].concat();
    let output: Vec<_> = output.into_iter().filter(|line| !line.is_empty()).collect();
    let output = output.join("\n");
    let cut = output.len().saturating_sub(LARGEST_OUTPUT);
    let cut = (cut..=output.len()).find(|&at| output.is_char_boundary(at)).unwrap_or(0);
    let text = if cut > 0 { format!("... {cut} bytes left out ...\n{}", &output[cut..]) } else { output };
    (!text.is_empty()).then_some(text)
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

fn unexplained(account: &Account) -> Section {
    let line = |process: &crate::report::account::Process| {
        let title = format!("{}: {} tests in one process", process.binary_id, process.tests);
        format!(
            "- {} {}\n",
            code(&title),
            code(&process.facts.headline(process.facts.place(account).as_ref()))
        )
    };
    Section {
        head: "### Failed although none of their tests did\n\n".to_owned(),
        items: account.unexplained().map(line).collect(),
        name: "processes",
    }
}

fn scripts(account: &Account) -> Section {
    let line = |script: &crate::report::account::Script| {
        let said = said(&script.facts).map_or_else(String::new, |said| {
            let fence = "`".repeat(3.max(longest_run(&said) + 1));
            format!("\n\n{fence}text\n{said}\n{fence}")
        });
        format!("- {} {}{said}\n", code(&script.name), code(&script.facts.headline(None)))
    };
    Section {
        head: "### Setup scripts that failed\n\n".to_owned(),
        items: account.failed_scripts().map(line).collect(),
        name: "setup scripts",
    }
}

fn changed(since: &Changes) -> Section {
    let mut items = Vec::new();
    for list in &since.lists {
        let rows =
            list.tests.iter().take(SHOWN).map(|(name, said)| format!("  - {} {}\n", code(name), code(said)));
        let more = list.tests.len().saturating_sub(SHOWN);
        let more = (0 < more).then(|| format!("  - and {more} more\n"));
        items.push(format!(
            "- {}: {}\n{}",
            encoded(&list.head),
            list.tests.len(),
            rows.chain(more).collect::<String>()
        ));
    }
    if items.is_empty() {
        items.push(
            if since.limits.is_empty() { "- nothing\n" } else { "- nothing that could be seen\n" }.to_owned(),
        );
    }
    items.extend(since.limits.iter().map(|limit| format!("- {}\n", encoded(limit))));
    Section { head: format!("### Changed since {}\n\n", code(&since.base)), items, name: "changes" }
}

fn flaky(account: &Account) -> Section {
    let line = |test: &Test| {
        let first = test.earlier.iter().find(|attempt| attempt.facts.effect != Effect::Passes);
        let why = first.map_or_else(String::new, |attempt| {
            attempt.facts.headline(attempt.facts.place(account).as_ref())
        });
        format!("- {} passed in attempt {}, after {}\n", code(&test.title()), test.last.number, code(&why))
    };
    Section {
        head: "### Flaky\n\n".to_owned(),
        items: account.tests.iter().filter(|test| test.is_flaky()).map(line).collect(),
        name: "flaky tests",
    }
}

fn budgets(account: &Account) -> Section {
    let limits =
        account.tests.iter().flat_map(|test| test.last.facts.budget.iter().map(move |limit| (test, limit)));
    let mut limits: Vec<_> = limits.collect();
    // What was not measured comes last.
    limits.sort_by_key(|(_, limit)| limit.headroom().unwrap_or(i64::MAX));
    let row = |(test, limit): &(&Test, &Budgeted)| {
        let metric = encoded(&limit.metric);
        let [allowed, spent, margin] =
            [limit.allowed(), limit.spent(), limit.margin()].map(|text| encoded(&text));
        format!("| {} | {metric} | {allowed} | {spent} | {margin} |\n", code(&test.title()))
    };
    Section {
        head: "### Closest to their budgets\n\n| test | of | budget | used | margin |\n|---|---|---:|---:|---:|\n".to_owned(),
        items: limits.iter().take(SHOWN).map(row).collect(),
        name: "budgets",
    }
}

fn highest(account: &Account) -> Section {
    let mut measured: Vec<_> = account.tests.iter().collect();
    measured.retain(|test| test.last.facts.figure("memory_peak_bytes").is_some());
    measured.sort_by_key(|test| Reverse(test.last.facts.figure("memory_peak_bytes")));
    table("### Highest peaks of memory", "highest peaks", &measured)
}

fn slowest(account: &Account) -> Section {
    let mut measured: Vec<_> =
        account.tests.iter().filter(|test| test.last.facts.wall_us.is_some()).collect();
    measured.sort_by_key(|test| Reverse(test.last.facts.wall_us));
    table("### Slowest", "slowest tests", &measured)
}

fn stressed(account: &Account) -> Section {
    let row = |executions: &Executions| {
        let spread = |name: &str| {
            let spreads = executions.spreads();
            let Some(spread) = spreads.iter().find(|spread| spread.name == name) else {
                return "-".to_owned();
            };
            let modes =
                spread.modes.as_ref().map_or_else(String::new, |modes| format!("; two modes: {modes}"));
            encoded(&format!("{} to {}, median {}{modes}", spread.min, spread.max, spread.median))
        };
        let counts = encoded(&executions.counts());
        format!("| {} | {counts} | {} | {} |\n", code(&executions.title), spread("time"), spread("peak"))
    };
    Section {
        head: "### Executed several times\n\n| test | executions | time | peak |\n|---|---|---|---|\n"
            .to_owned(),
        items: Stressed::of(account).ranked(0).iter().map(row).collect(),
        name: "tests that were executed several times",
    }
}

fn table(title: &str, name: &'static str, tests: &[&Test]) -> Section {
    let row = |test: &&Test| {
        let facts = &test.last.facts;
        format!("| {} | {} | {} | {} |\n", code(&test.title()), facts.peak(), facts.duration(), facts.cpu())
    };
    Section {
        head: format!("{title}\n\n| test | peak | time | cpu |\n|---|---:|---:|---:|\n"),
        items: tests.iter().take(SHOWN).map(row).collect(),
        name,
    }
}

/// Formats text as code, in which GitHub finds no names of users and no other links.
fn code(text: &str) -> String {
    format!("<code>{}</code>", encoded(text))
}

/// Encodes text so that nothing in it is markup, neither of Markdown nor of HTML, and that it stays on its line.
fn encoded(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in crate::text::sanitize::word(text).chars() {
        if character.is_ascii_punctuation() && !matches!(character, '.' | ',' | '-' | '/') {
            let _ = write!(safe, "&#{};", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt, unfinished};
    use serde_json::json;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn a_run_from_totals_to_the_slowest() {
        let fails = json!({"stderr": "x panicked at src/a.rs:3:5:\nno ``` fence\n"});
        let oom = json!({"outcome": "oom-killed", "cause": "it reached its memory limit", "stderr": ""});
        let account = account(&[
            attempt("tour", "passes", "passes", &json!({"wall_us": 9_000_000})),
            attempt("tour", "fails", "fails", &fails),
            attempt("tour::parser", "oom|", "fails", &oom),
        ]);
        assert_data_eq!(
            document(&account, None),
            str![[r#"
## Tests did not pass

3 tests run: 1 passed, 2 failed (1 out of memory), 2 ignored in 1.2 s, cpu 13 ms

### Not passed

| test | what happened | again |
|---|---|---|
| <code>tour&#58;&#58;parser oom&#124;</code> | <code>OOM · 0.004 s · peak 0.7 MiB · cpu 2 ms · 1 task · it reached its memory limit</code> | <code>cargo isotest --features &#39;a b&#39; &#39;tour&#58;&#58;parser oom&#124;&#39;</code> |
| <code>tour fails</code> | <code>FAIL · 0.004 s · peak 0.7 MiB · cpu 2 ms · 1 task · panicked at src/a.rs&#58;3&#58;5</code> | <code>cargo isotest --features &#39;a b&#39; &#39;tour fails&#39;</code> |

<details><summary><code>tour fails src/a.rs&#58;3</code></summary>

````text
x panicked at src/a.rs:3:5:
no ``` fence
````

</details>


### Highest peaks of memory

| test | peak | time | cpu |
|---|---:|---:|---:|
| <code>tour passes</code> | 0.7 MiB | 9.000 s | 2 ms |
| <code>tour fails</code> | 0.7 MiB | 0.004 s | 2 ms |
| <code>tour&#58;&#58;parser oom&#124;</code> | 0.7 MiB | 0.004 s | 2 ms |

### Slowest

| test | peak | time | cpu |
|---|---:|---:|---:|
| <code>tour passes</code> | 0.7 MiB | 9.000 s | 2 ms |
| <code>tour fails</code> | 0.7 MiB | 0.004 s | 2 ms |
| <code>tour&#58;&#58;parser oom&#124;</code> | 0.7 MiB | 0.004 s | 2 ms |

"#]]
        );
    }

    #[test]
    fn budgets_stand_in_it_with_the_one_first_that_is_exceeded_most() {
        let limit = |used: Option<u64>| json!({"budget": [{"metric": "memory", "unit": "bytes", "limit": 8 << 20, "used": used}]});
        let account = account(&[
            attempt("tour", "half", "passes", &limit(Some(4 << 20))),
            attempt("tour", "unknown", "passes", &limit(None)),
            attempt("tour", "over|", "fails", &limit(Some(16 << 20))),
            attempt("tour", "free", "passes", &json!({})),
        ]);
        let text = document(&account, None);
        let section = text.split_once("### Closest to their budgets\n\n").unwrap().1;
        assert_data_eq!(
            section.split_once("\n\n").unwrap().0,
            str![[r#"
| test | of | budget | used | margin |
|---|---|---:|---:|---:|
| <code>tour over&#124;</code> | memory | 8.0 MiB | 16.0 MiB | over by 100 &#37; |
| <code>tour half</code> | memory | 8.0 MiB | 4.0 MiB | 50 &#37; left |
| <code>tour unknown</code> | memory | 8.0 MiB | - | - |
"#]]
        );
    }

    #[test]
    fn what_changed_since_a_base_stands_in_it_and_what_was_not_compared() {
        let new = account(&[attempt("tour", "b|", "fails", &json!({}))]);
        let base = account(&[
            attempt("tour", "b|", "passes", &json!({})),
            attempt("tour", "a", "passes", &json!({})),
        ]);
        let text = document(&new, Some(&Changes::between("base.jsonl", &base, &new)));
        let section = text.split_once("### Changed since <code>base.jsonl</code>\n\n").unwrap().1;
        let section = section.split_once("\n\n").unwrap().0;
        assert_data_eq!(
            section,
            str![[r#"
- Newly failing: 1
  - <code>tour b&#124;</code> <code>FAIL · 0.004 s · peak 0.7 MiB · cpu 2 ms · 1 task</code>
- Gone: 1
  - <code>tour a</code> <code>was PASS · 0.004 s · peak 0.7 MiB · cpu 2 ms · 1 task</code>
- peaks of memory and times are not compared&#58; a run does not tell on what machine it was
"#]]
        );
    }

    #[test]
    fn no_name_and_no_output_is_markup() {
        let hostile = "<img src=x>|`a`**b**[c](d)@e :f: #1\n## g";
        let text = document(
            &account(&[attempt(hostile, hostile, "fails", &json!({"stdout": "````\n</details>"}))]),
            None,
        );
        let outside = text.split("\n`````text\n````\n</details>\n`````\n");
        let outside: Vec<_> = outside.collect();
        assert_eq!(outside.len(), 2, "{text}");
        for part in outside {
            for markup in ["<img", "**b", "[c]", "`a`", "@e", "\n## g"] {
                assert!(!part.contains(markup), "{markup} in {part}");
            }
        }
    }

    #[test]
    fn however_much_failed_it_fits_and_says_what_is_left_out() {
        let output = json!({"stderr": "long line\n".repeat(2000)});
        let lines: Vec<_> = (0..300).map(|n| attempt("tour", &format!("t{n}"), "fails", &output)).collect();
        let account = account(&lines);
        let text = document(&account, None);
        assert!(text.len() <= LARGEST, "{}", text.len());
        assert!(
            text.contains("| <code>tour t299</code>") && text.contains("### Slowest"),
            "the output goes first"
        );
        assert!(
            text.contains("Left out, since this page may not be larger: 2"),
            "{}",
            &text[text.len() - 200..]
        );
        let text = within(&account, None, 20_000);
        assert!(text.len() <= 20_000 && text.contains("tests that did not pass"), "{text}");
    }

    #[test]
    fn a_run_without_its_end_has_not_passed() {
        let text = document(&unfinished(&[attempt("tour", "t", "passes", &json!({}))]), None);
        assert!(text.starts_with("## Tests did not pass\n"), "{text}");
        assert!(text.contains("**Incomplete:** the end of the run is missing&#58; 2 of 3"), "{text}");
    }
}
