//! What is measured stands in the manual, under the names and with the sources that the table of metrics has.

use isotest_core::metric::METRICS;
use std::fs;
use std::path::Path;

#[test]
fn the_manual_names_every_metric() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cargo-isotest/docs");
    let read = |name| fs::read_to_string(pages.join(name)).expect("a page is text");
    let [figures, json] = ["figures.md", "json.md"].map(read);
    let rows = figures.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let names: Vec<&str> = rows.flat_map(|cell| cell.split(", ")).collect();
    let mut lacking = Vec::new();
    for metric in METRICS {
        if !names.contains(&metric.name) {
            lacking.push(format!("no row of a table for {}", metric.name));
        }
        let keys = metric.figures.iter().map(|figure| figure.key);
        let keys = keys.chain([metric.source_key]).chain(metric.approximate_key);
        let keys = keys.map(|key| format!("\"{key}\":")).filter(|key| !json.contains(key));
        let origins = [metric.v1, metric.v2, metric.without].concat();
        let files = origins.iter().map(|origin| format!("`{}`", origin.source));
        let kernels = origins.iter().filter_map(|origin| origin.since);
        let kernels = kernels.map(|(major, minor)| format!("{major}.{minor}"));
        let words = files.chain(kernels).filter(|word| !figures.contains(word));
        lacking.extend(keys.chain(words).map(|word| format!("no {word} of {}", metric.name)));
    }
    assert!(lacking.is_empty(), "figures.md and json.md:\n{}", lacking.join("\n"));
}
