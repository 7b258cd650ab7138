//! What programs read: one object a line on standard output, and nothing else there.

use crate::call::isotest;
use crate::project::Project;

const MEMBERS: [&str; 11] = [
    "type",
    "binary_id",
    "name",
    "attempt",
    "outcome",
    "exit_code",
    "signal",
    "wall_us",
    "usage",
    "leaked",
    "changed_paths",
];
const FIGURES: [&str; 10] = [
    "memory_peak_bytes",
    "memory_source",
    "cpu_user_us",
    "cpu_system_us",
    "pids_peak",
    "io_read_bytes",
    "io_write_bytes",
    "oom_kills",
    "disk_bytes",
    "disk_peak_files",
];

/// Each with the member that says where it was read.
const SOURCES: [(&str, &str); 10] = [
    ("memory_peak_bytes", "memory_source"),
    ("memory_anon_bytes", "memory_split_source"),
    ("cpu_user_us", "cpu_source"),
    ("pids_peak", "pids_source"),
    ("io_read_bytes", "io_source"),
    ("pressure_cpu_us", "pressure_cpu_source"),
    ("pressure_memory_us", "pressure_memory_source"),
    ("pressure_io_us", "pressure_io_source"),
    ("disk_files", "disk_source"),
    ("disk_peak_bytes", "disk_peak_source"),
];

#[test]
fn objects_go_to_standard_output_and_text_to_standard_error() {
    let (ended, lines) = isotest(&Project::fixture("tour")).arguments(["--test", "parser"]).lines();
    assert_eq!(lines.started["schema"], 1);
    for attempt in &lines.attempts {
        assert!(MEMBERS.iter().all(|member| attempt.get(member).is_some()), "{attempt}");
        assert!(FIGURES.iter().all(|figure| attempt["usage"].get(figure).is_some()), "{attempt}");
    }
    assert!(ended.stderr.contains("   Isolation "), "{}", ended.stderr);
    assert!(ended.stderr.contains("     Summary "), "{}", ended.stderr);
    let counts = lines.finished["counts"].as_object().unwrap();
    let total: u64 = counts.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(total, 6, "{counts:?}");
}

#[test]
fn every_figure_has_a_source() {
    let (_, lines) = isotest(&Project::fixture("passing")).lines();
    for attempt in &lines.attempts {
        let usage = &attempt["usage"];
        for (figure, source) in SOURCES {
            assert_eq!(usage[figure].is_number(), usage[source].is_string(), "{figure} in {usage}");
        }
    }
}

#[test]
fn a_figure_that_is_switched_off_is_null_and_said_to_be_off() {
    let call = isotest(&Project::fixture("passing")).arguments(["--off", "memory,io,disk,pids,cpu"]);
    let (ended, lines) = call.lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    for capability in ["memory", "io", "disk", "pids", "cpu"] {
        assert_eq!(lines.started["isolation"][capability]["state"], "off");
    }
    for attempt in &lines.attempts {
        for figure in [
            "memory_peak_bytes",
            "memory_source",
            "oom_kills",
            "pids_peak",
            "io_read_bytes",
            "cpu_user_us",
            "disk_bytes",
            "disk_peak_files",
        ] {
            assert!(attempt["usage"][figure].is_null(), "{figure} in {attempt}");
        }
    }
    assert!(lines.finished["memory_peak"].is_null());
    assert!(ended.stderr.contains("         Off memory cpu pids io disk\n"), "{}", ended.stderr);
}

#[test]
fn writes_that_were_thrown_away_are_named() {
    let tour = Project::fixture("tour");
    let before = tour.files();
    let (_, lines) = isotest(&tour).arguments(["--test", "files"]).lines();
    let changed = |name| lines.attempt("tour::files", name)["changed_paths"].clone();
    assert_eq!(changed("writes_next_to_its_sources"), serde_json::json!([tour.directory.join("notes.txt")]));
    let output = tour.target.canonicalize().unwrap().join("tmp/output.bin");
    assert_eq!(changed("writes_to_the_target_directory"), serde_json::json!([output]));
    assert_eq!(changed("counts_the_words_of_a_file"), serde_json::json!([]));
    assert_eq!(tour.files(), before);
    assert!(!output.exists());
}
