//! Parses the figures of a test's regions from the lines in which the test says them; pure.

use bytesize::ByteSize;
use serde::Serialize;

/// Highest number of regions that are reported of one test.
const MOST: usize = 100;

/// Figures of a region, rounded as in its line.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Region {
    name: String,
    wall_us: u64,
    cpu_us: Option<u64>,
    memory_peak_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    io_read_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    io_write_bytes: Option<u64>,
}

/// Parses the regions of a test that wrote this to standard error.
pub(super) fn regions(stderr: &[u8]) -> Vec<Region> {
    const BEGINNING: &[u8] = b"region ";
    let lines = stderr.split(|byte| *byte == b'\n').filter(|line| line.starts_with(BEGINNING));
    let lines = lines.filter_map(|line| std::str::from_utf8(&line[BEGINNING.len()..]).ok());
    lines.filter_map(region).take(MOST).collect()
}

/// Parses a line after its first word. The last colon of the line ends the name.
fn region(line: &str) -> Option<Region> {
    let (name, figures) = line.rsplit_once(": ")?;
    let mut figures = figures.split(", ");
    let microseconds = |text: &str| text.strip_suffix(" ms")?.parse::<u64>().ok()?.checked_mul(1000);
    let bytes = |text: &str| text.parse::<ByteSize>().ok().map(|size| size.as_u64());
    let mut region = Region {
        name: name.to_owned(),
        wall_us: microseconds(figures.next()?)?,
        cpu_us: None,
        memory_peak_bytes: None,
        io_read_bytes: None,
        io_write_bytes: None,
    };
    for figure in figures {
        if let Some(cpu) = figure.strip_suffix(" cpu") {
            region.cpu_us = Some(microseconds(cpu)?);
        } else if let Some(peak) = figure.strip_prefix("peak ") {
            region.memory_peak_bytes = Some(bytes(peak)?);
        } else if let Some(read) = figure.strip_suffix(" read") {
            region.io_read_bytes = Some(bytes(read)?);
        } else {
            region.io_write_bytes = Some(bytes(figure.strip_suffix(" written")?)?);
        }
    }
    Some(region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_region_says_is_read_and_nothing_else() {
        let said = b"noise\nregion parse: 84 ms, 83 ms cpu, peak 318.5 MiB\nregion a: b: 7 ms, 2 KiB read, 1 GiB written\n\
            region of France: large\nregion x: 5 ms, much\nregion \xff: 5 ms\n";
        let seen = serde_json::to_value(regions(said)).unwrap();
        let expected = json!([
            {"name": "parse", "wall_us": 84_000, "cpu_us": 83_000, "memory_peak_bytes": 333_971_456},
            {"name": "a: b", "wall_us": 7000, "cpu_us": null, "memory_peak_bytes": null, "io_read_bytes": 2048, "io_write_bytes": 1_u64 << 30},
        ]);
        assert_eq!(seen, expected);
        assert_eq!(regions(&b"region x: 1 ms\n".repeat(500)).len(), MOST);
    }
}
