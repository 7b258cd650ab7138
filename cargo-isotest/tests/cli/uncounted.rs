//! Where no cgroup can be made: what is only about right says so wherever it is told, and is never enough for a limit.

use crate::call::{Ended, Lines, isotest};
use crate::confined::{self, execution};
use crate::project::Project;

/// The index of the tour holds 200 MiB for a moment.
const INDEX: &str = "--test index";

fn without_cgroups(flags: &str) -> Ended {
    let script = execution(&Project::fixture("tour"), flags);
    confined::shell(&format!("mount -t tmpfs none /sys/fs/cgroup && {script}"))
}

#[test]
fn a_sampled_peak_is_marked_in_the_text() {
    let ended = without_cgroups(INDEX).with_code(0);
    let says = |text: &str| assert!(ended.stdout.contains(text), "{text}: {}", ended.stdout);
    says(" · no cgroup cpu io disk · ");
    says("     Missing memory, pids");
    says(": could not create a cgroup in ");
    says("; memory peaks are sampled instead, and approximate\n");
    says(" · peak ~20");
    let line = ended.stdout.lines().find(|line| line.ends_with("builds_big_index")).unwrap();
    assert!(line.contains("]   ~20") && line.contains("   - task "), "{line}");

    let counted = isotest(&Project::fixture("tour")).arguments(INDEX.split(' ')).run().with_code(0);
    let is_sampled = counted.stdout.contains("     Missing memory");
    assert_eq!(counted.stdout.contains('~'), is_sampled, "control: {}", counted.stdout);
}

#[test]
fn a_sampled_peak_is_marked_in_the_json() {
    let lines = Lines::new(&without_cgroups(&format!("{INDEX} --message-format json")).with_code(0));
    assert_eq!(lines.started["isolation"]["memory"]["state"], "missing");
    let usage = &lines.attempt("tour::index", "builds_big_index")["usage"];
    let found = [&usage["memory_approximate"], &lines.finished["memory_peak"]["approximate"]];
    assert_eq!(found, [true, true], "{usage}");
    for peak in [&usage["memory_peak_bytes"], &lines.finished["memory_peak"]["bytes"]] {
        assert!((200 << 20..230 << 20).contains(&peak.as_u64().unwrap()), "{peak}");
    }
    assert!(usage["pids_peak"].is_null() && usage["oom_kills"].is_null(), "{usage}");
    assert_eq!(usage["cpu_source"], "getrusage");

    let (_, counted) = isotest(&Project::fixture("tour")).arguments(INDEX.split(' ')).lines();
    let usage = &counted.attempt("tour::index", "builds_big_index")["usage"];
    assert_eq!(usage["memory_approximate"], !counted.holds("memory"), "control: {usage}");
}

#[test]
fn what_is_sampled_is_not_enough_to_be_required() {
    for flags in ["--require memory", "--memory-limit 1GiB", "--pids-limit 100"] {
        let ended = without_cgroups(flags).with_code(97);
        let figure = if flags.contains("pids") { "pids" } else { "memory" };
        let reason =
            format!("error: this host cannot isolate as required: no `{figure}` (could not create a cgroup");
        assert!(ended.stderr.contains(&reason), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("      Remedy for {figure}: ")), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(&format!("hint: `--prefer {figure}` runs tests without")),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn the_doctor_calls_a_sampled_figure_degraded() {
    let ended = confined::shell("mount -t tmpfs none /sys/fs/cgroup && exec $0 doctor").with_code(0);
    for start in
        ["    degraded memory: could not create", "     missing pids: ", "          ok cpu (getrusage)"]
    {
        assert!(ended.stdout.lines().any(|line| line.starts_with(start)), "{start}: {}", ended.stdout);
    }
}
