//! Makes a page for a browser of the results of a run; pure.
//!
//! The page is one file that asks for nothing else: its policy allows its own style and script by their hashes and no
//! connection. All that tests say is escaped by the template. Every row stands in the page, so that the script only
//! searches and sorts. What tests that passed wrote is not in it, and there is an end to what others wrote, so that a
//! run of ten thousand tests makes a page of less than 5 MB.

mod memory;
mod page;
mod timeline;

use crate::report::account::Account;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use page::Page;
use sha2::{Digest, Sha256};
use std::io;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Makes the whole document.
///
/// # Errors
/// When the library cannot write the document, which could not be provoked.
pub(super) fn document(account: &Account) -> io::Result<String> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(io::Error::other)?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    let policy = format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let values = context! {
        policy,
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        page => Value::from(Serde(Page::of(account))),
    };
    environment.render_str(TEMPLATE, values).map_err(io::Error::other)
}

/// Returns the hash by which a policy names a text that it allows.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt, script, unfinished};
    use serde_json::{Value as Json, json};

    fn written(lines: &[Json]) -> String {
        document(&account(lines)).unwrap()
    }

    fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
        text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).unwrap().0
    }

    #[test]
    fn failures_stand_before_the_table_of_all_with_what_repeats_them() {
        let fails = json!({
            "stderr": "x panicked at src/a.rs:3:5:\nleft: 1\n", "start_us": 2000, "slot": 1,
            "changed_paths": ["/home/a/w/out.txt"], "changed_paths_count": 7,
            "budget": [{"metric": "memory", "unit": "bytes", "limit": 67_108_864, "used": 333_866_598,
                "approximate": false, "over": true, "killed": false, "file": "src/lib.rs", "line": 9}],
        });
        let text = written(&[
            attempt("tour", "passes", "passes", &json!({})),
            attempt("tour", "bad", "fails", &fails),
        ]);
        let (cards, table) = text.split_once("<h2 id=\"all\">").unwrap();
        for said in [
            "left: 1",
            "cargo isotest --features &#x27;a b&#x27; &#x27;tour bad&#x27;",
            "7 changed files thrown away",
            "out.txt",
            "318.4 MiB",
            "64.0 MiB",
            "src&#x2f;lib.rs:9",
            "tour passes",
        ] {
            assert!(cards.contains(said), "{said} in {cards}");
        }
        assert_eq!(table.matches("<th scope=\"row\">").count(), 2, "{table}");
        assert!(cards.contains("<td>over by 397 %</td>"), "{cards}");
        assert!(table.contains(">memory over by 397 %<"), "{table}");
    }

    #[test]
    fn a_setup_script_that_failed_has_a_card() {
        let failed = script("db", "fails", &json!({"stderr": "no <room>\n"}));
        let text = written(&[script("other", "passes", &json!({})), failed]);
        assert_eq!(text.matches("<article ").count(), 1, "{text}");
        assert!(text.contains("Setup script db<") && text.contains("no &lt;room&gt;</pre>"), "{text}");
    }

    #[test]
    fn what_tests_say_is_no_markup_and_no_script() {
        let hostile = "</script><img src=x onerror=alert(1)>\" onclick=\"x' {{ 7*7 }} {% raw %}\u{202e}\u{7}";
        let fails = json!({
            "stderr": hostile, "cause": hostile, "remarks": [hostile], "suspect": hostile,
            "leaked": [{"command": hostile}], "changed_paths": [hostile], "changed_paths_count": 1,
            "autopsy": {"processes": [{"pid": 9, "parent": 1, "name": hostile, "command": [hostile],
                "threads": [{"name": hostile, "wait": {"channel": hostile, "system_call": null}}]}]},
        });
        let text = written(&[attempt(hostile, hostile, "fails", &fails)]);
        assert_eq!(text.matches("<script").count(), 1);
        assert_eq!(text.matches("</script").count(), 1);
        // Hashes before it may hold any digits.
        let (_, body) = text.split_once("<body>").unwrap();
        for markup in ["<img", "onerror=alert(1)>", "\" onclick", "' {{", "49", "\u{202e}", "\u{7}"] {
            assert!(!body.contains(markup), "{markup:?}");
        }
        assert!(text.matches("{{ 7*7 }}").count() >= 8, "all of it stands there");
        assert!(text.contains('\u{2407}') && text.contains('\u{fffd}'), "what cannot be seen is shown");
    }

    #[test]
    fn the_policy_allows_what_the_page_has_and_nothing_else() {
        let text = written(&[]);
        let policy = between(&text, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
        for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
            let own = between(&text, &format!("<{tag}>"), &format!("</{tag}>"));
            let hash = hash(own).replace('/', "&#x2f;");
            assert!(policy.contains(&format!("{directive} &#x27;{hash}&#x27;")), "{policy} lacks {hash}");
        }
        assert!(policy.starts_with("default-src &#x27;none&#x27;;"), "{policy}");
        for fetched in ["http:", "https:", "@import", "url(", " style=", " onclick=", " onload="] {
            assert!(!TEMPLATE.contains(fetched) && !STYLE.contains(fetched), "{fetched}");
        }
    }

    #[test]
    fn ten_thousand_tests_are_less_than_five_megabytes() {
        let facts = |n: usize| json!({"start_us": n * 977, "slot": n % 16, "wall_us": 15_000 + n, "stdout": "x".repeat(900)});
        let name = |n: usize| format!("module::part_{}::a_name_of_usual_length_{n}", n % 40);
        let line = |n: usize| {
            let effect = if n.is_multiple_of(20) { "fails" } else { "passes" };
            attempt("workspace-package::integration", &name(n), effect, &facts(n))
        };
        let text = written(&(0..10_000).map(line).collect::<Vec<_>>());
        assert!(text.len() < 5_000_000, "{} bytes", text.len());
        assert_eq!(text.matches("<th scope=\"row\">").count(), 10_000);
        let bars = text.matches("<path ").count();
        assert!(bars < 20, "{bars} paths");
    }

    #[test]
    fn however_much_tests_wrote_the_page_has_an_end_and_says_what_it_lacks() {
        let fails = json!({"stderr": "<<<<<<<<<\n".repeat(2000)});
        let lines: Vec<_> = (0..400).map(|n| attempt("tour", &format!("t{n}"), "fails", &fails)).collect();
        let text = written(&lines);
        assert!(text.len() < 3_000_000, "{} bytes", text.len());
        let cards = text.matches("<article ").count();
        assert!(0 < cards && cards < 400, "{cards}");
        let said = format!("{} more tests did not pass", 400 - cards);
        assert!(text.contains(&said), "{said}");
        assert!(text.contains("bytes left out"), "what one test wrote has an end, too");
    }

    #[test]
    fn one_that_says_too_much_takes_no_room_from_the_others() {
        let process = |pid: usize| {
            json!({"pid": pid, "parent": 1, "name": "x", "command": ["<".repeat(100_000)],
            "threads": (0..500).map(|n| json!({"name": format!("<{n}>"), "wait": null})).collect::<Vec<_>>()})
        };
        let huge = json!({"outcome": "timed-out", "autopsy": {"processes": (2..300).map(process).collect::<Vec<_>>()}});
        let large = json!({"outcome": "oom-killed", "cause": "<".repeat(1 << 20)});
        let text = written(&[
            attempt("tour", "large", "fails", &large),
            attempt("tour", "huge", "fails", &huge),
            attempt("tour", "small", "fails", &json!({"stderr": "this one"})),
        ]);
        assert!(text.len() < 2_000_000, "{} bytes", text.len());
        assert!(
            text.contains("this one") && text.contains("1 more test did not pass"),
            "the largest has no card"
        );
        assert!(text.contains("and 248 more") && text.contains("and 480 more"), "what is cut is said");
    }

    #[test]
    fn a_run_without_its_end_has_not_passed() {
        let text = document(&unfinished(&[attempt("tour", "t", "passes", &json!({}))])).unwrap();
        assert!(text.contains("<h1>Tests did not pass</h1>"), "{text}");
        assert!(text.contains("the end of the run is missing: 2 of 3 tests have no result"), "{text}");
        let passed = written(&[attempt("tour", "t", "passes", &json!({}))]);
        assert!(passed.contains("<h1>Tests passed</h1>") && !passed.contains("Incomplete"));
    }

    #[test]
    fn a_file_that_says_nothing_still_is_a_page() {
        let text = document(&Account::default()).unwrap();
        assert!(text.contains("<h1>Tests did not pass</h1>") && !text.contains("<svg"), "{text}");
    }
}
