//! Shards of a run among the files of a merged report: missing, duplicate and differently cut ones; pure.

use crate::text::units::plural;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Highest number of shards that are looked for one by one: no file that was written by a run has more.
const MOST: u64 = 100_000;

/// Part of all tests that a run executed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Shard {
    /// Way in which tests were dealt out.
    pub(super) partition: String,
    /// Number of this part, counted from 1.
    part: u64,
    /// Number of parts.
    parts: u64,
    /// Number of tests of all parts.
    tests: usize,
    /// Digest of what decides which test is in which part.
    fingerprint: String,
}

/// File of a run.
#[derive(Debug)]
pub(super) struct RunFile {
    pub(super) name: String,
    /// UUID of the run.
    pub(super) id: Option<String>,
    pub(super) shard: Option<Shard>,
    /// Number of tests that were to be executed.
    pub(super) tests: usize,
    pub(super) is_whole: bool,
}

impl Shard {
    fn fits(&self, other: &Self) -> bool {
        let key =
            |shard: &Self| (shard.partition.clone(), shard.parts, shard.tests, shard.fingerprint.clone());
        key(self) == key(other)
    }
}

/// Sentences on files that are not all shards of one cut, each once.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Sentences on faults that leave open whether each test was executed.
    pub(super) gaps: Vec<String>,
    /// Sentences on what was executed twice.
    pub(super) twice: Vec<String>,
}

/// Returns whether the files are shards that were cut by what earlier runs took.
pub(super) fn are_auto(files: &[RunFile]) -> bool {
    files.iter().any(|file| file.shard.as_ref().is_some_and(|shard| shard.partition == "auto"))
}

/// Returns what is wrong with the files as shards; `None` if none of them is one.
pub(super) fn faults(files: &[RunFile]) -> Option<Faults> {
    let (first, model) = files.iter().find_map(|file| Some((&file.name, file.shard.as_ref()?)))?;
    let mut faults = Faults::default();
    let mut found: BTreeMap<u64, &RunFile> = BTreeMap::new();
    for file in files {
        let name = &file.name;
        match &file.shard {
            None => faults.gaps.push(format!(
                "`{name}` is no shard, while `{first}` is one of {}: tests may be missing or executed twice",
                model.parts
            )),
            Some(shard) if !shard.fits(model) => faults.gaps.push(format!(
                "`{name}` was cut otherwise than `{first}` ({} and {}): tests may be missing or executed twice; give \
                 all shards the same build and the same history",
                shard.words(),
                model.words()
            )),
            Some(shard) => {
                if let Some(other) = found.insert(shard.part, file) {
                    faults.twice.push(again(shard, other, file));
                }
            }
        }
    }
    faults.gaps.extend(missing(model, &found));
    Some(faults)
}

impl Shard {
    fn words(&self) -> String {
        let digits = self.fingerprint.get(..8).unwrap_or(&self.fingerprint);
        format!("{} of {} of {}, {digits}", self.partition, self.parts, plural(self.tests, "test"))
    }
}

/// Says that two files are the same shard.
fn again(shard: &Shard, first: &RunFile, second: &RunFile) -> String {
    let both = format!(
        "`{}` and `{}` are both shard {} of {}: its tests were executed twice",
        first.name, second.name, shard.part, shard.parts
    );
    match (first.is_whole, second.is_whole) {
        (true, false) => format!("{both}; leave out `{}`, which was cut off", second.name),
        (false, true) => format!("{both}; leave out `{}`, which was cut off", first.name),
        _ => both,
    }
}

/// Says which shards are missing.
fn missing(model: &Shard, found: &BTreeMap<u64, &RunFile>) -> Option<String> {
    let lost: BTreeSet<u64> = (1..=model.parts.min(MOST)).filter(|part| !found.contains_key(part)).collect();
    if lost.is_empty() {
        return None;
    }
    let executed: usize = found.values().map(|file| file.tests).sum();
    let tests = model.tests.saturating_sub(executed);
    let numbers: Vec<_> = lost.iter().take(10).map(u64::to_string).collect();
    let more = if lost.len() > numbers.len() { " and others" } else { "" };
    let (shards, are) = if lost.len() == 1 { ("shard", "is") } else { ("shards", "are") };
    Some(format!(
        "{shards} {}{more} of {} {are} missing: {tests} of {} have no result",
        numbers.join(", "),
        model.parts,
        plural(model.tests, "test")
    ))
}

#[cfg(test)]
mod tests {
    use crate::report::account::Reading;
    use crate::report::account::testing::{attempt, lines};
    use serde_json::json;

    /// Makes a run of a shard of 3 with 9 tests.
    fn run(part: u64, fingerprint: &str) -> String {
        let attempts =
            [1, 2, 3].map(|number| attempt("tour", &format!("t{part}.{number}"), "passes", &json!({})));
        let text = lines(&format!("{part}{fingerprint}"), &attempts);
        let shard =
            json!({"partition": "auto", "part": part, "parts": 3, "tests": 9, "fingerprint": fingerprint});
        text.replacen('{', &format!("{{\"shard\":{shard},"), 1)
    }

    fn lacks(files: &[(&str, &str)]) -> (Vec<String>, bool) {
        let mut reading = Reading::default();
        for (name, text) in files {
            reading.add(name, text);
        }
        reading.check_parts();
        (reading.lacks.clone(), reading.account.gap().is_some())
    }

    #[test]
    fn all_shards_once_are_whole() {
        let [a, b, c] = [1, 2, 3].map(|part| run(part, "f"));
        assert_eq!(lacks(&[("a", &a), ("b", &b), ("c", &c)]), (vec![], false));
        assert_eq!(lacks(&[("c", &c), ("a", &a), ("b", &b)]), (vec![], false));
        let plain = [lines("1", &[]), lines("2", &[])];
        assert_eq!(lacks(&[("a", &plain[0]), ("b", &plain[1])]), (vec![], false), "these are no shards");
    }

    #[test]
    fn what_is_missing_twice_or_cut_otherwise_is_named() {
        let [a, b, c] = [1, 2, 3].map(|part| run(part, "f"));
        let missing = "shard 2 of 3 is missing: 3 of 9 tests have no result".to_owned();
        assert_eq!(lacks(&[("a", &a), ("c", &c)]), (vec![missing], true));
        let (said, is_gap) = lacks(&[("c", &c)]);
        assert_eq!(
            (said, is_gap),
            (vec!["shards 1, 2 of 3 are missing: 6 of 9 tests have no result".to_owned()], true)
        );
        let again = run(2, "f").replace("2f", "4f");
        let twice = "`b` and `d` are both shard 2 of 3: its tests were executed twice".to_owned();
        assert_eq!(lacks(&[("a", &a), ("b", &b), ("d", &again), ("c", &c)]), (vec![twice.clone()], false));
        let cut: String = again.split_inclusive('\n').take(2).collect();
        let (said, is_gap) = lacks(&[("a", &a), ("b", &b), ("d", &cut), ("c", &c)]);
        assert!(said.contains(&format!("{twice}; leave out `d`, which was cut off")) && is_gap, "{said:?}");
        let other = run(2, "e");
        let (said, is_gap) = lacks(&[("a", &a), ("b", &other), ("c", &c)]);
        assert!(
            said[0].starts_with("`b` was cut otherwise than `a` (auto of 3 of 9 tests, e and "),
            "{said:?}"
        );
        assert!(said[1].starts_with("shard 2 of 3 is missing") && is_gap, "{said:?}");
        let whole = lines("5", &[]);
        let (said, is_gap) = lacks(&[("a", &a), ("b", &b), ("c", &c), ("w", &whole)]);
        assert!(said[0].starts_with("`w` is no shard, while `a` is one of 3") && is_gap, "{said:?}");
    }

    #[test]
    fn a_shard_that_ended_early_is_not_green() {
        let [a, b, c] = [1, 2, 3].map(|part| run(part, "f"));
        let b = b.replace("\"not_run\":0", "\"not_run\":2").replace("\"tests\":3", "\"tests\":5");
        let (said, is_gap) = lacks(&[("a", &a), ("b", &b), ("c", &c)]);
        assert_eq!((said.len(), is_gap), (1, true), "{said:?}");
        assert!(said[0].contains("not executed: 2"), "{said:?}");
    }

    #[test]
    fn a_part_that_is_no_shard_and_ended_early_is_not_green_either() {
        let whole = lines("1", &[attempt("tour", "a", "passes", &json!({}))]);
        let stopped = lines("2", &[attempt("tour", "b", "passes", &json!({}))])
            .replace("\"cancelled\":null", "\"cancelled\":{\"by\":\"signal\",\"signal\":\"SIGINT\"}")
            .replace("\"not_run\":0", "\"not_run\":1")
            .replace("\"tests\":1", "\"tests\":2");
        let (said, is_gap) = lacks(&[("a", &whole), ("b", &stopped)]);
        assert_eq!(said, ["SIGINT ended the run: not executed: 1, killed with it: 0"]);
        assert!(is_gap);
        let (said, is_gap) = lacks(&[("a", &whole), ("b", &lines("2", &[]))]);
        assert_eq!((said, is_gap), (vec![], false));
    }
}
