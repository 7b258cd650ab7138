//! Where a run's own time goes.

use crate::call::isotest;
use crate::project::Project;

#[test]
fn a_run_says_where_its_time_went_only_if_asked() {
    let call = |flags: &[&str]| isotest(&Project::fixture("passing")).arguments(flags).run().with_code(0);
    let ended = call(&["--self-profile"]);
    let table: Vec<_> = ended.stderr.lines().skip_while(|line| !line.starts_with("phase ")).skip(1).collect();
    let names: Vec<_> = table.iter().map(|line| line[..16].trim_end()).collect();
    let phases = ["command line", "metadata", "settings", "build", "roots", "cgroups and plan", "zygotes"];
    let phases = [&phases[..], &["list", "select", "tests", "end"]].concat();
    assert!(names.starts_with(&phases), "{}", ended.stderr);
    for part in [
        "- sample",
        "- cargo test",
        "- page cache",
        "- zygote",
        "start",
        "set-up",
        "process",
        "read",
        "teardown",
    ] {
        assert!(names.contains(&part), "{part}: {}", ended.stderr);
    }
    for line in &table {
        let time: f64 = line[16..].split_whitespace().next().unwrap().parse().unwrap();
        assert!(time >= 0.0, "{line}");
    }
    assert!(!ended.stdout.contains("teardown"), "{}", ended.stdout);
    let silent = call(&[]);
    assert!(!silent.stderr.contains("teardown"), "{}", silent.stderr);
}
