//! What is measured stands in the README, under the names and with the sources that the table of metrics has.

use isotest_core::metric::METRICS;
use std::fs;
use std::path::Path;

#[test]
fn the_readme_names_every_metric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).expect("the README is text");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let names: Vec<&str> = rows.flat_map(|cell| cell.split(", ")).collect();
    let mut lacking = Vec::new();
    for metric in METRICS {
        if !names.contains(&metric.name) {
            lacking.push(format!("no row of a table for {}", metric.name));
        }
        let keys = metric.figures.iter().map(|figure| figure.key);
        let keys = keys.chain([metric.source_key]).chain(metric.approximate_key);
        let keys = keys.map(|key| format!("\"{key}\":"));
        let origins = [metric.v1, metric.v2, metric.without].concat();
        let files = origins.iter().map(|origin| format!("`{}`", origin.source));
        let kernels = origins.iter().filter_map(|origin| origin.since);
        let kernels = kernels.map(|(major, minor)| format!("{major}.{minor}"));
        let words = keys.chain(files).chain(kernels).filter(|word| !readme.contains(word));
        lacking.extend(words.map(|word| format!("no {word} of {}", metric.name)));
    }
    assert!(lacking.is_empty(), "README.md:\n{}", lacking.join("\n"));
}
