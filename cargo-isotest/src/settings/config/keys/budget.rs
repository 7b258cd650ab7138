//! Key `budget`: limits that a test is held to, by the keys of the attribute that stands beside tests.

use super::size::size;
use super::time::time;
use super::truth::truth;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::config::written;
use crate::settings::error::SettingsError;
use crate::settings::setting::Setting;
use isotest_core::budget::Budget;
use isotest_core::metric::microseconds;
use std::time::Duration;

const KEYS: [&str; 7] = ["memory", "cpu", "procs", "wall", "disk", "io_write", "hard"];

pub(super) const BUDGET: Key = Key {
    name: "budget",
    variable: None,
    about: "What a test is held to. Of several budgets the strictest limit of each kind holds",
    form,
    example: "{ memory = \"256 MiB\", cpu = \"2 s\" }",
    default: None,
    read: |value, layer| {
        layer.test.budgets.extend(read(value)?);
        Ok(())
    },
    said: |layer| written::each(&layer.test.budgets, written),
};

/// Reads a budget as a list of limits, each with its line.
fn read(value: Value<'_>) -> Result<Vec<Setting<Budget>>, SettingsError> {
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
        parts.push(value.setting(budget));
    }
    let Some((value, is_hard)) = hard else { return Ok(parts) };
    let memory = parts.iter_mut().find(|part| part.value.memory.is_some());
    memory.ok_or_else(|| value.unexpected("`memory` beside it"))?.value.hard = is_hard;
    Ok(parts)
}

fn form() -> serde_json::Value {
    let form = |key| match key {
        "memory" | "disk" | "io_write" => form::size(),
        "cpu" | "wall" => form::time_above_zero(),
        "procs" => form::from(1),
        _ => form::truth(),
    };
    let mut table = form::table(KEYS.map(|key| (key, form(key))), &[]);
    table["dependencies"] = serde_json::json!({ "hard": ["memory"] });
    table
}

fn written(budget: Budget) -> toml::Value {
    let Budget { memory, cpu_us, procs, wall_us, disk, io_write, hard } = budget;
    let time = |micros| written::time(Duration::from_micros(micros));
    let entries = [
        memory.map(|bytes| ("memory", written::size(bytes))),
        cpu_us.map(|micros| ("cpu", time(micros))),
        procs.map(|number| ("procs", written::number(number))),
        wall_us.map(|micros| ("wall", time(micros))),
        disk.map(|bytes| ("disk", written::size(bytes))),
        io_write.map(|bytes| ("io_write", written::size(bytes))),
        hard.then(|| ("hard", written::truth(true))),
    ];
    written::table(entries.into_iter().flatten())
}
