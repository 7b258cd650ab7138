//! Results of a merged run as the history keeps them; pure.

use super::{Account, Facts, Reading, Test};
use crate::history::TestResult;
use crate::verdict::Effect;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Workspace, and the results of its tests by binary and name.
pub(crate) type Results = (PathBuf, Vec<(String, String, TestResult)>);

impl Reading {
    /// Returns the results of shards for the history, which shards leave to the merge; `None` if the files are not
    /// shards, or if a part of them is missing.
    pub(crate) fn results(&self) -> Option<Results> {
        if !self.is_of_auto() || !self.lacks.is_empty() {
            return None;
        }
        let started = self.account.started.as_ref()?;
        let at = u64::try_from(started.at.timestamp()).ok()?;
        let workspace = self.account.workspace()?;
        let mut results: BTreeMap<(&str, &str), TestResult> = BTreeMap::new();
        for test in &self.account.tests {
            let (key, result) = ((test.binary_id.as_str(), test.name.as_str()), result(test, at));
            // A test that is executed several times counts with its failure, or else with its latest result.
            if results.get(&key).is_none_or(|known| known.passes) {
                results.insert(key, result);
            }
        }
        let named =
            |((binary_id, name), result): ((&str, &str), _)| (binary_id.to_owned(), name.to_owned(), result);
        Some((workspace, results.into_iter().map(named).collect()))
    }
}

impl Account {
    fn workspace(&self) -> Option<PathBuf> {
        self.started.as_ref()?.workspace.as_ref().map(PathBuf::from)
    }
}

fn result(test: &Test, at: u64) -> TestResult {
    let facts = &test.last.facts;
    let figure = |key| facts.figure(key).filter(|_| facts.suspect.is_none());
    TestResult {
        at,
        verdict: facts.outcome.clone(),
        passes: facts.effect == Effect::Passes,
        wall_us: facts.wall_us,
        cpu_us: cpu(facts).filter(|_| facts.suspect.is_none()),
        memory_peak: figure("memory_peak_bytes"),
    }
}

fn cpu(facts: &Facts) -> Option<u64> {
    facts.figure("cpu_user_us")?.checked_add(facts.figure("cpu_system_us")?)
}

#[cfg(test)]
mod tests {
    use crate::report::account::Reading;
    use crate::report::account::testing::{attempt, lines};
    use serde_json::json;

    fn reading(partition: &str, parts: u64) -> Reading {
        let attempts = [
            attempt("tour", "a", "passes", &json!({})),
            attempt("tour", "b", "fails", &json!({"suspect": "its limit changed"})),
        ];
        let shard =
            json!({"partition": partition, "part": 1, "parts": parts, "tests": 2, "fingerprint": "f"});
        let text = lines("1", &attempts).replacen('{', &format!("{{\"shard\":{shard},"), 1);
        let mut reading = Reading::default();
        reading.add("a", &text);
        reading.check_parts();
        reading
    }

    #[test]
    fn only_a_whole_run_of_shards_is_remembered() {
        let (workspace, results) = reading("auto", 1).results().unwrap();
        assert_eq!(workspace.to_str(), Some("/home/a/w"));
        let [(_, a, of_a), (_, b, of_b)] = &results[..] else { panic!("{results:?}") };
        assert_eq!((a.as_str(), of_a.passes, of_a.wall_us, of_a.cpu_us), ("a", true, Some(4321), Some(2200)));
        assert_eq!((b.as_str(), of_b.passes, of_b.memory_peak, of_b.cpu_us), ("b", false, None, None));
        assert!(reading("slice", 1).results().is_none() && reading("auto", 2).results().is_none());
    }
}
