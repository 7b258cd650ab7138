//! `budget`: what a test is held to, by the keys of the attribute that stands beside tests.

use super::size::size;
use super::time::time;
use super::truth::truth;
use crate::budget::{self, Written};
use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::setting::Origin;
use isotest_core::budget::Budget;
use isotest_core::metric::microseconds;

const KEYS: [&str; 7] = ["memory", "cpu", "procs", "wall", "disk", "io_write", "hard"];

pub(super) const BUDGET: Key = Key {
    name: "budget",
    variable: None,
    read: |value, layer| {
        layer.test.budgets.extend(read(value)?);
        Ok(())
    },
};

/// Reads a budget, each limit with its line.
fn read(value: Value<'_>) -> Result<Vec<Written>, SettingsError> {
    let expected = "a table, such as { memory = \"256 MiB\", cpu = \"2 s\" }";
    let (mut parts, mut hard) = (Vec::new(), None);
    for (name, value) in value.table().ok_or_else(|| value.unexpected(expected))? {
        let Some(key) = KEYS.into_iter().find(|key| *key == name) else {
            return Err(value.unknown(name, KEYS));
        };
        let value = value.named(key);
        let bytes = || size(value).map(|size| Some(size.value));
        let micros = || {
            time(value).and_then(|time| {
                let micros = Some(microseconds(time.value)).filter(|micros| *micros > 0);
                value.expect(micros, "a time of a microsecond or more").map(|micros| Some(micros.value))
            })
        };
        let none = Budget::default();
        let budget = match key {
            "memory" => Budget { memory: bytes()?, ..none },
            "disk" => Budget { disk: bytes()?, ..none },
            "io_write" => Budget { io_write: bytes()?, ..none },
            "cpu" => Budget { cpu_us: micros()?, ..none },
            "wall" => Budget { wall_us: micros()?, ..none },
            "procs" => {
                let number = value.number::<u64>().filter(|number| *number > 0);
                Budget { procs: Some(value.expect(number, "a number above 0")?.value), ..none }
            }
            _ => {
                hard = Some((value, truth(value)?.value));
                continue;
            }
        };
        parts.push(Written { budget, origin: origin(value) });
    }
    let Some((value, is_hard)) = hard else { return Ok(parts) };
    let memory = parts.iter_mut().find(|part| part.budget.memory.is_some());
    memory.ok_or_else(|| value.unexpected("`memory` beside it"))?.budget.hard = is_hard;
    Ok(parts)
}

fn origin(value: Value<'_>) -> budget::Origin {
    match value.origin() {
        Origin::File(_, place) => budget::Origin {
            file: place.file.display().to_string(),
            line: u32::try_from(place.line).unwrap_or(u32::MAX),
        },
        _ => budget::Origin::default(),
    }
}
