//! Finds the shard of this machine in the environment, as engines that distribute work describe it; pure.

use super::error::SettingsError;
use super::setting::{Origin, Setting};
use crate::invocation::Invocation;
use crate::values::{Partition, PartitionBy, PartitionWord};

/// Variable by which users set the shard, as `M/N`, where no engine does. It takes precedence over those of engines.
pub(super) const SHARD: &str = "ISOTEST_SHARD";
/// Variable with the number of shards, for engines that do not tell it.
pub(super) const SHARDS: &str = "ISOTEST_SHARDS";

/// Variables by which an engine describes the shard.
struct Engine {
    index: &'static str,
    first: Number,
    step: Number,
    count: Count,
}

#[derive(Clone, Copy)]
enum Number {
    Is(u64),
    In(&'static str),
}

#[derive(Clone, Copy)]
enum Count {
    /// Variable with the number of shards.
    In(&'static str),
    /// Variable with the index of the last shard.
    UpTo(&'static str),
}

const fn counted(index: &'static str, first: u64, count: &'static str) -> Engine {
    Engine { index, first: Number::Is(first), step: Number::Is(1), count: Count::In(count) }
}

/// Variables of GitLab, CircleCI, Buildkite, Kubernetes, Slurm, Grid Engine and Bazel.
const ENGINES: [Engine; 7] = [
    counted("CI_NODE_INDEX", 1, "CI_NODE_TOTAL"),
    counted("CIRCLE_NODE_INDEX", 0, "CIRCLE_NODE_TOTAL"),
    counted("BUILDKITE_PARALLEL_JOB", 0, "BUILDKITE_PARALLEL_JOB_COUNT"),
    counted("JOB_COMPLETION_INDEX", 0, SHARDS),
    Engine {
        index: "SLURM_ARRAY_TASK_ID",
        first: Number::In("SLURM_ARRAY_TASK_MIN"),
        step: Number::In("SLURM_ARRAY_TASK_STEP"),
        count: Count::In("SLURM_ARRAY_TASK_COUNT"),
    },
    Engine {
        index: "SGE_TASK_ID",
        first: Number::In("SGE_TASK_FIRST"),
        step: Number::In("SGE_TASK_STEPSIZE"),
        count: Count::UpTo("SGE_TASK_LAST"),
    },
    counted("TEST_SHARD_INDEX", 0, "TEST_TOTAL_SHARDS"),
];

/// Value of Grid Engine's index in a job that is not an array.
const UNDEFINED: &str = "undefined";

/// Returns the partition for a value of `--partition`.
///
/// # Errors
/// When the environment names no shard, an invalid one, or two.
pub(super) fn partition(
    word: PartitionWord,
    invocation: &Invocation,
) -> Result<Setting<Partition>, SettingsError> {
    match word {
        PartitionWord::Part(part) => Ok(Setting::flag("--partition", part)),
        PartitionWord::Auto => of_environment(invocation),
    }
}

fn of_environment(invocation: &Invocation) -> Result<Setting<Partition>, SettingsError> {
    let setting = |name, (part, parts)| Setting {
        value: Partition { by: PartitionBy::Auto, part, parts },
        origin: Origin::Environment(name),
    };
    if let Some(value) = invocation.variable(SHARD) {
        let numbers = value.to_str().and_then(|text| text.split_once('/'));
        let numbers = numbers.and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
        let numbers = numbers.filter(|(part, parts)| (1..=*parts).contains(part));
        let wrong = || wrong(invocation, SHARD, "a shard M of N from 1 on, as in `2/8`".to_owned());
        return Ok(setting(SHARD, numbers.ok_or_else(wrong)?));
    }
    let mut found: Option<Setting<Partition>> = None;
    for engine in &ENGINES {
        let Some(shard) = engine.shard(invocation)? else { continue };
        let shard = setting(engine.index, shard);
        match found {
            Some(first) if first.value != shard.value => {
                return Err(SettingsError::TwoShards(Box::new([first, shard])));
            }
            _ => found = Some(shard),
        }
    }
    found.ok_or(SettingsError::NoShard)
}

impl Engine {
    /// Returns the index of the shard, from 1, and the number of shards; `None` if the engine does not set its
    /// variables.
    fn shard(&self, invocation: &Invocation) -> Result<Option<(u64, u64)>, SettingsError> {
        let is_said =
            invocation.variable(self.index).is_some_and(|value| !value.is_empty() && value != UNDEFINED);
        if !is_said {
            return Ok(None);
        }
        let value = |number: Number| match number {
            Number::Is(value) => Ok(value),
            Number::In(name) => self.number(invocation, name),
        };
        let (index, first) = (self.number(invocation, self.index)?, value(self.first)?);
        let step = value(self.step)?.max(1);
        let shards = match self.count {
            Count::In(name) => self.number(invocation, name)?,
            Count::UpTo(name) => self.number(invocation, name)?.saturating_sub(first) / step + 1,
        };
        let place = index.checked_sub(first).filter(|above| above % step == 0).map(|above| above / step);
        match place.filter(|place| *place < shards) {
            Some(place) => Ok(Some((place + 1, shards))),
            None => Err(wrong(invocation, self.index, self.expected(first, step, shards))),
        }
    }

    fn expected(&self, first: u64, step: u64, shards: u64) -> String {
        let last = first.saturating_add(step.saturating_mul(shards.saturating_sub(1)));
        let name = match self.count {
            Count::In(name) | Count::UpTo(name) => name,
        };
        let steps = if step > 1 { format!(" in steps of {step}") } else { String::new() };
        format!("one of the {shards} shards of `{name}`, a number from {first} to {last}{steps}")
    }

    fn number(&self, invocation: &Invocation, name: &'static str) -> Result<u64, SettingsError> {
        let Some(value) = invocation.variable(name) else {
            return Err(SettingsError::HalfAShard { index: self.index, missing: name });
        };
        let number = value.to_str().and_then(|text| text.parse().ok());
        number.ok_or_else(|| wrong(invocation, name, "a whole number".to_owned()))
    }
}

fn wrong(invocation: &Invocation, name: &'static str, expected: String) -> SettingsError {
    let value = invocation.variable(name).unwrap_or_default().to_owned();
    SettingsError::Variable { name, value, expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;

    fn said(variables: &[(&str, &str)]) -> Result<String, String> {
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let invocation = Invocation { environment, directory: "/".into() };
        let found = partition(PartitionWord::Auto, &invocation);
        found.map(|found| format!("{} {}", found.value, found.origin)).map_err(|error| chain(&error))
    }

    fn shard(variables: &[(&str, &str)]) -> String {
        said(variables).unwrap()
    }

    #[test]
    fn each_engine_is_understood() {
        assert!(shard(&[("ISOTEST_SHARD", "2/3")]).starts_with("auto:2/3"));
        assert!(shard(&[("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "3")]).starts_with("auto:2/3"));
        for (index, count) in [
            ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL"),
            ("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT"),
            ("JOB_COMPLETION_INDEX", "ISOTEST_SHARDS"),
            ("TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS"),
        ] {
            let found = shard(&[(index, "1"), (count, "3")]);
            assert!(found.starts_with("auto:2/3") && found.contains(index), "{found}");
            assert!(said(&[(index, "3"), (count, "3")]).unwrap_err().contains("from 0 to 2"), "{index}");
            assert!(said(&[(index, "1")]).unwrap_err().contains(count), "{index}");
        }
        let slurm = |id, min, step, count| {
            said(&[
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_STEP", step),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ])
        };
        assert!(slurm("0", "0", "1", "3").unwrap().starts_with("auto:1/3"));
        assert!(slurm("9", "5", "2", "3").unwrap().starts_with("auto:3/3"));
        assert!(slurm("6", "5", "2", "3").unwrap_err().contains("from 5 to 9 in steps of 2"));
        let grid = |id| {
            said(&[
                ("SGE_TASK_ID", id),
                ("SGE_TASK_FIRST", "2"),
                ("SGE_TASK_LAST", "10"),
                ("SGE_TASK_STEPSIZE", "4"),
            ])
        };
        assert!(grid("6").unwrap().starts_with("auto:2/3"));
        assert!(grid("undefined").unwrap_err().contains("names no shard"));
    }

    #[test]
    fn what_cannot_be_is_refused_and_what_users_say_wins() {
        let gitlab = [("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "3")];
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "0"),
            ("SLURM_ARRAY_TASK_MIN", "0"),
            ("SLURM_ARRAY_TASK_STEP", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        let both = [&gitlab[..], &slurm].concat();
        let error = said(&both).unwrap_err();
        assert!(error.contains("CI_NODE_INDEX") && error.contains("SLURM_ARRAY_TASK_ID"), "{error}");
        assert!(shard(&[&both[..], &[("ISOTEST_SHARD", "4/4")]].concat()).starts_with("auto:4/4"));
        for wrong in ["", "3", "0/3", "4/3", "a/b", "1/0"] {
            assert!(said(&[("ISOTEST_SHARD", wrong)]).unwrap_err().contains("`2/8`"), "{wrong}");
        }
        assert!(said(&[]).unwrap_err().contains("names no shard"));
    }
}
