//! Compares a run with one before it; pure.
//!
//! Peaks of memory are compared where the same kernel measured them in the same way: a figure that was measured
//! otherwise says nothing of the test. The kernel counts memory in portions of 64 pages for each processor, and what
//! is within that and a tenth is no growth. Times are compared on one host only.

use crate::report::account::{Account, Attempt, Facts, Test};
use crate::report::machine::Machine;
use crate::text::sanitize::word;
use crate::text::units::{memory, plural};
use crate::verdict::Effect;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;

/// Memory that the kernel may have counted ahead for one processor, in bytes.
const PORTION: u64 = 256 << 10;
/// Difference in time, in microseconds, up to which a test is not regarded as slower.
const SHORTEST: u64 = 100_000;

/// Changes between two runs, the gravest first in each list.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Name of the run that came before.
    pub(super) base: String,
    /// Lists of tests that changed, one for each kind of change.
    pub(super) lists: Vec<List>,
    /// Sentences on what was not compared, and why.
    pub(super) limits: Vec<String>,
}

/// Tests that changed in one way.
#[derive(Debug)]
pub(super) struct List {
    /// Heading that names the kind of change.
    pub(super) head: String,
    /// Title of each test, and description of its change.
    pub(super) tests: Vec<(String, String)>,
}

impl Changes {
    /// Compares a run with an earlier one, `base`, which has this name.
    pub(crate) fn between(name: &str, base: &Account, new: &Account) -> Self {
        if base.started.is_none() || new.started.is_none() {
            let limits = [base, new].into_iter().filter_map(Account::gap).map(|gap| word(&gap)).collect();
            return Self { base: word(name), lists: Vec::new(), limits };
        }
        let (before, after) = (by_name(base), by_name(new));
        let both: Vec<_> =
            new_in_order(new).filter_map(|(key, test)| Some((*before.get(&key)?, test))).collect();
        let passes = |test: &Test| test.last.facts.effect == Effect::Passes;
        let said = |test: &Test, account: &Account| {
            let facts = &test.last.facts;
            (word(&test.title()), facts.headline(facts.place(account).as_ref()))
        };
        let list = |head: &str, tests: Vec<(String, String)>| List { head: head.to_owned(), tests };
        let failing = both.iter().filter(|(was, is)| passes(was) && !passes(is)).map(|(_, is)| said(is, new));
        let fixed = both
            .iter()
            .filter(|(was, is)| !passes(was) && passes(is))
            .map(|(was, _)| before_now(said(was, base)));
        let added =
            new_in_order(new).filter(|(key, _)| !before.contains_key(key)).map(|(_, test)| said(test, new));
        let gone = new_in_order(base)
            .filter(|(key, _)| !after.contains_key(key))
            .map(|(_, test)| before_now(said(test, base)));
        let gone_head = if new.gap().is_some() { "Gone, or without a result" } else { "Gone" };
        let mut changes = Self {
            base: word(name),
            lists: vec![
                list("Newly failing", failing.collect()),
                list("Fixed", fixed.collect()),
                list("New", added.collect()),
                list(gone_head, gone.collect()),
            ],
            limits: [base, new].into_iter().filter_map(Account::gap).map(|gap| word(&gap)).collect(),
        };
        changes.compare_peaks(base, new, &both);
        changes.compare_times(base, new, &both);
        changes.lists.retain(|list| !list.tests.is_empty());
        changes
    }

    fn compare_peaks(&mut self, base: &Account, new: &Account, both: &[(&Test, &Test)]) {
        let grain = match alike(base, new) {
            Ok(cpus) => cpus.saturating_mul(PORTION),
            Err(why) => {
                self.limits.push(format!("peaks of memory and times are not compared: {why}"));
                return;
            }
        };
        let mut unlike = 0;
        let mut grown = Vec::new();
        for (was, is) in both {
            let [Some(low), Some(high)] = [was, is].map(|test| test.last.facts.figure("memory_peak_bytes"))
            else {
                continue;
            };
            if !measured_alike(&was.last.facts, &is.last.facts) {
                unlike += 1;
            } else if low.saturating_add(grain) < high && is_tenth_more(low, high) {
                grown.push((
                    high - low,
                    is,
                    format!("{} -> {} (+{} %)", memory(low), memory(high), percent(low, high)),
                ));
            }
        }
        let head = format!("Peak of memory grown by more than {} and 10 %", memory(grain));
        self.lists.push(List { head, tests: sorted(grown) });
        if 0 < unlike {
            self.limits.push(format!(
                "peaks of {} are not compared: they were measured in different ways",
                plural(unlike, "test")
            ));
        }
    }

    fn compare_times(&mut self, base: &Account, new: &Account, both: &[(&Test, &Test)]) {
        let host = |account: &Account| machine(account).and_then(|machine| machine.host.clone());
        let (Ok(_), Some(first), Some(second)) = (alike(base, new), host(base), host(new)) else { return };
        if first != second {
            self.limits.push(format!(
                "times are not compared: they are of `{}` and `{}`",
                word(&first),
                word(&second)
            ));
            return;
        }
        let mut grown = Vec::new();
        for (was, is) in both {
            let [Some(low), Some(high)] = [&was.last, &is.last].map(time) else { continue };
            if low.saturating_add(SHORTEST) < high && is_tenth_more(low, high) {
                let texts = [&was.last, &is.last].map(|attempt| attempt.facts.duration());
                grown.push((
                    high - low,
                    is,
                    format!("{} -> {} (+{} %)", texts[0], texts[1], percent(low, high)),
                ));
            }
        }
        self.lists.push(List { head: "Slower by more than 0.1 s and 10 %".to_owned(), tests: sorted(grown) });
    }

    /// Returns the changes as text for a terminal.
    pub(crate) fn human(&self) -> String {
        let mut text = format!("Changes since {}:\n", self.base);
        if self.lists.is_empty() {
            text += if self.limits.is_empty() { "  none\n" } else { "  none that could be seen\n" };
        }
        for List { head, tests } in &self.lists {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n  {head}: {}", plural(tests.len(), "test"));
            let width = tests.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(60);
            text.extend(tests.iter().map(|(name, said)| format!("    {name:width$}  {said}\n")));
        }
        if !self.limits.is_empty() {
            text.push('\n');
        }
        text.extend(self.limits.iter().map(|limit| format!("  note: {limit}\n")));
        text
    }
}

/// Replaces what is said of a test by how the test was in the base.
fn before_now((name, said): (String, String)) -> (String, String) {
    (name, format!("was {said}"))
}

/// Binary and name of a test, and its number among the tests of that name: a test that is built for several targets
/// has one for each.
type Key<'a> = (&'a str, &'a str, usize);

fn new_in_order(account: &Account) -> impl Iterator<Item = (Key<'_>, &Test)> {
    let mut seen = HashMap::<(&str, &str), usize>::new();
    account.tests.iter().map(move |test| {
        let count = seen.entry((&test.binary_id, &test.name)).or_default();
        *count += 1;
        ((test.binary_id.as_str(), test.name.as_str(), *count), test)
    })
}

fn by_name(account: &Account) -> HashMap<Key<'_>, &Test> {
    new_in_order(account).collect()
}

fn machine(account: &Account) -> Option<&Machine> {
    account.started.as_ref()?.machine.as_ref()
}

/// Returns the number of processors of both runs, if their figures can be compared, or why they cannot.
fn alike(base: &Account, new: &Account) -> Result<u64, String> {
    let (Some(first), Some(second)) = (machine(base), machine(new)) else {
        return Err("a run does not tell on what machine it was".to_owned());
    };
    let differ = |what: &str, first: &str, second: &str| {
        (first != second).then(|| format!("the {what} are `{}` and `{}`", word(first), word(second)))
    };
    let [Some(kernel), Some(later)] = [first, second].map(|machine| machine.kernel.as_deref().map(branch))
    else {
        return Err("the kernel of a run is not known".to_owned());
    };
    let [Some(cpus), Some(others)] = [first, second].map(|machine| machine.cpus) else {
        return Err("the number of processors of a run is not known".to_owned());
    };
    let profiles = [base, new].map(profile);
    let why = differ("architectures", &first.architecture, &second.architecture)
        .or_else(|| differ("kernels", &kernel, &later))
        .or_else(|| differ("numbers of processors", &cpus.to_string(), &others.to_string()))
        .or_else(|| differ("build profiles", profiles[0], profiles[1]));
    if let Some(why) = why {
        return Err(why);
    }
    u64::try_from(cpus.get()).map_err(|error| error.to_string())
}

/// Returns the first two numbers of a kernel's release.
fn branch(release: &str) -> String {
    release.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// Returns the profile of cargo with which the tests of a run were built.
fn profile(account: &Account) -> &str {
    let arguments = account.started.as_ref().map_or(&[][..], |started| &started.arguments);
    let mut profile = "dev";
    for (index, argument) in arguments.iter().enumerate() {
        match argument.as_str() {
            "--release" => profile = "release",
            flags if is_short(flags) => profile = if has_release(flags) { "release" } else { profile },
            "--cargo-profile" => profile = arguments.get(index + 1).map_or(profile, String::as_str),
            other => profile = other.strip_prefix("--cargo-profile=").unwrap_or(profile),
        }
    }
    profile
}

fn is_short(argument: &str) -> bool {
    argument.starts_with('-') && !argument.starts_with("--")
}

/// Returns whether `-r` is among combined flags of one letter, before one that takes the rest as its value.
fn has_release(flags: &str) -> bool {
    flags.chars().skip(1).take_while(|flag| !"jpFPZEm".contains(*flag)).any(|flag| flag == 'r')
}

/// Returns whether both were read from the same file of the kernel, and both are exact and not suspect.
fn measured_alike(was: &Facts, is: &Facts) -> bool {
    let exact = |facts: &Facts| !facts.is_approximate();
    was.usage.word("memory_source") == is.usage.word("memory_source")
        && exact(was)
        && exact(is)
        && was.suspect.is_none()
        && is.suspect.is_none()
}

fn time(attempt: &Attempt) -> Option<u64> {
    attempt.facts.wall_us
}

fn is_tenth_more(low: u64, high: u64) -> bool {
    u128::from(low) * 11 < u128::from(high) * 10
}

fn percent(low: u64, high: u64) -> u128 {
    u128::from(high.saturating_sub(low)) * 100 / u128::from(low.max(1))
}

/// Sorts the tests so that the one that grew most comes first.
fn sorted(mut grown: Vec<(u64, &&Test, String)>) -> Vec<(String, String)> {
    grown.sort_by_key(|(by, ..)| Reverse(*by));
    grown.into_iter().map(|(_, test, said)| (word(&test.title()), said)).collect()
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::report::account::Reading;
    use crate::report::account::testing::{attempt, lines};
    use serde_json::{Value, json};
    use snapbox::{assert_data_eq, str};

    fn run(id: &str, machine: &Value, attempts: &[Value]) -> Account {
        let text = lines(id, attempts);
        let machine = format!(r#"{{"machine":{machine},"#);
        let mut reading = Reading::default();
        reading.add(id, &text.replacen('{', &machine, 1));
        assert!(reading.lacks.is_empty(), "{:?}", reading.lacks);
        reading.account
    }

    fn machine(host: &str, kernel: &str) -> Value {
        json!({"host": host, "kernel": kernel, "architecture": "x86_64", "cpus": 2})
    }

    fn used(name: &str, effect: &str, peak: u64, wall: u64) -> Value {
        attempt(
            "tour",
            name,
            effect,
            &json!({"wall_us": wall, "usage": {"memory_peak_bytes": peak, "memory_source": "memory.peak", "memory_approximate": false}}),
        )
    }

    fn base() -> Vec<Value> {
        vec![
            used("same", "passes", 10 << 20, 100_000),
            used("breaks", "passes", 1 << 20, 1),
            used("mended", "fails", 1 << 20, 1),
            used("gone", "passes", 1 << 20, 1),
            used("grows", "passes", 100 << 20, 1_000_000),
            used("within the grain", "passes", 1 << 20, 1),
            used("within a tenth", "passes", 100 << 20, 5_000_000),
        ]
    }

    fn new() -> Vec<Value> {
        vec![
            used("same", "passes", 10 << 20, 190_000),
            used("breaks", "fails", 1 << 20, 1),
            used("mended", "passes", 1 << 20, 1),
            used("added", "passes", 1 << 20, 1),
            used("grows", "passes", 150 << 20, 2_000_000),
            used("within the grain", "passes", (1 << 20) + (512 << 10), 1),
            used("within a tenth", "passes", 110 << 20, 5_400_000),
        ]
    }

    #[test]
    fn what_changed_is_told_and_what_is_within_the_grain_is_not() {
        let here = machine("a", "6.18.5");
        let changes = Changes::between("base.jsonl", &run("1", &here, &base()), &run("2", &here, &new()));
        assert_data_eq!(
            changes.human(),
            str![[r#"
Changes since base.jsonl:

  Newly failing: 1 test
    tour breaks  FAIL · 0.000 s · peak 1.0 MiB

  Fixed: 1 test
    tour mended  was FAIL · 0.000 s · peak 1.0 MiB

  New: 1 test
    tour added  PASS · 0.000 s · peak 1.0 MiB

  Gone: 1 test
    tour gone  was PASS · 0.000 s · peak 1.0 MiB

  Peak of memory grown by more than 0.5 MiB and 10 %: 1 test
    tour grows  100.0 MiB -> 150.0 MiB (+50 %)

  Slower by more than 0.1 s and 10 %: 1 test
    tour grows  1.000 s -> 2.000 s (+100 %)

"#]]
        );
        let none = Changes::between("base.jsonl", &run("1", &here, &base()), &run("2", &here, &base()));
        assert_eq!(none.human(), "Changes since base.jsonl:\n  none\n");
    }

    #[test]
    fn figures_of_different_machines_are_not_compared_and_it_is_said() {
        let grown = |first: &Value, second: &Value| {
            let changes = Changes::between("b", &run("1", first, &base()), &run("2", second, &new()));
            let heads: Vec<_> = changes.lists.iter().map(|list| list.head.clone()).collect();
            (
                heads.iter().filter(|head| head.contains("grown") || head.contains("Slower")).count(),
                changes.limits,
            )
        };
        let here = machine("a", "6.18.5");
        assert_eq!(grown(&here, &machine("a", "6.18.9-new")), (2, vec![]));
        let (count, limits) = grown(&here, &machine("b", "6.18.5"));
        assert_eq!(
            (count, limits.as_slice()),
            (1, &["times are not compared: they are of `a` and `b`".to_owned()][..])
        );
        for (other, why) in [
            (machine("a", "6.19.0"), "the kernels are `6.18` and `6.19`"),
            (
                json!({"host": "a", "kernel": "6.18.5", "architecture": "x86_64", "cpus": 4}),
                "the numbers of processors are `2` and `4`",
            ),
            (
                json!({"host": "a", "kernel": "6.18.5", "architecture": "aarch64", "cpus": 2}),
                "the architectures are `x86_64` and `aarch64`",
            ),
            (
                json!({"host": "a", "kernel": null, "architecture": "x86_64", "cpus": 2}),
                "the kernel of a run is not known",
            ),
            (
                json!({"host": "a", "kernel": "6.18.5", "architecture": "x86_64", "cpus": 0}),
                "the number of processors of a run is not known",
            ),
            (Value::Null, "a run does not tell on what machine it was"),
        ] {
            let (count, limits) = grown(&here, &other);
            assert_eq!(
                (count, limits.as_slice()),
                (0, &[format!("peaks of memory and times are not compared: {why}")][..])
            );
        }
    }

    #[test]
    fn nothing_is_new_or_gone_where_a_run_is_not_known() {
        let here = machine("a", "6.18.5");
        let mut unread = Reading::default();
        unread.add("b", "");
        let changes = Changes::between("b", &unread.account, &run("2", &here, &new()));
        assert_eq!(
            changes.human(),
            "Changes since b:\n  none that could be seen\n\n  note: `b` is empty: the run ended before its first test\n"
        );
    }

    #[test]
    fn a_peak_that_was_measured_otherwise_is_no_growth() {
        let here = machine("a", "6.18.5");
        let mut sampled = used("grows", "passes", 150 << 20, 1);
        sampled["usage"]["memory_source"] = "statm".into();
        let changes = Changes::between("b", &run("1", &here, &base()), &run("2", &here, &[sampled]));
        assert!(changes.lists.iter().all(|list| !list.head.contains("grown")), "{changes:?}");
        assert_eq!(
            changes.limits,
            ["peaks of 1 test are not compared: they were measured in different ways"]
        );
    }

    #[test]
    fn the_profile_is_that_of_the_arguments() {
        for (arguments, name) in [
            (json!([]), "dev"),
            (json!(["--features", "a"]), "dev"),
            (json!(["-r"]), "release"),
            (json!(["-rj4"]), "release"),
            (json!(["-vr"]), "release"),
            (json!(["-prover", "-Frust"]), "dev"),
            (json!(["--cargo-profile", "ci"]), "ci"),
            (json!(["--cargo-profile=ci"]), "ci"),
        ] {
            let mut account = run("1", &machine("a", "6.1"), &[]);
            account.started.as_mut().unwrap().arguments = serde_json::from_value(arguments).unwrap();
            assert_eq!(profile(&account), name);
        }
    }
}
