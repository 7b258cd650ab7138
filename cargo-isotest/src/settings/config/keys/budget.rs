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
use isotest_core::Bytes;
use isotest_core::budget::Budget;
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
        let bytes = || size(value).map(|size| Some(Bytes::new(size.value)));
        let above_zero = || {
            time(value).and_then(|time| {
                let time = Some(time.value).filter(|time| *time >= Duration::from_micros(1));
                value.expect(time, "a time of a microsecond or more").map(|time| Some(time.value))
            })
        };
        let none = Budget::default();
        let budget = match key {
            "memory" => Budget { memory: bytes()?, ..none },
            "disk" => Budget { disk: bytes()?, ..none },
            "io_write" => Budget { io_write: bytes()?, ..none },
            "cpu" => Budget { cpu: above_zero()?, ..none },
            "wall" => Budget { wall: above_zero()?, ..none },
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
    let Budget { memory, cpu, procs, wall, disk, io_write, hard } = budget;
    let size = |size: Bytes| written::size(size.get());
    let entries = [
        memory.map(|bytes| ("memory", size(bytes))),
        cpu.map(|time| ("cpu", written::time(time))),
        procs.map(|number| ("procs", written::number(number))),
        wall.map(|time| ("wall", written::time(time))),
        disk.map(|bytes| ("disk", size(bytes))),
        io_write.map(|bytes| ("io_write", size(bytes))),
        hard.then(|| ("hard", written::truth(true))),
    ];
    written::table(entries.into_iter().flatten())
}
