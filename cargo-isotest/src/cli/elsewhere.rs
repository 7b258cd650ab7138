//! Words of other test runners that are none here, and what to type instead.

use clap::Command;
use clap::error::ErrorKind;

/// Subcommand of cargo that is typed before the word for a run.
const RUNNER: &str = "nextest";

/// Flags of other runners, and of the standard harness, with what does the same here.
const FLAGS: [(&str, &str); 10] = [
    ("--list", "`cargo isotest list` names the tests that would run"),
    ("--ignored", "`--run-ignored only` runs ignored tests only"),
    ("--include-ignored", "`--run-ignored all` runs ignored tests too"),
    ("--report-time", "the time of each test is always reported"),
    (
        "--rerun",
        "`--rerun-failed` runs only the tests that failed; each failure comes with the command that repeats it",
    ),
    (
        "-R",
        "`--rerun-failed` runs only the tests that failed; each failure comes with the command that repeats it",
    ),
    (
        "--leak-timeout",
        "`leak-timeout` in `.config/isotest.toml`, or `ISOTEST_LEAK_TIMEOUT`, says how long processes may outlive their test; `--fail-on-leak` fails it then",
    ),
    ("--junit", "`--report junit=FILE` writes JUnit XML"),
    ("--logfile", "`--report FORMAT=FILE` writes the results to a file"),
    ("--show-config", "`cargo isotest show-config` shows which settings hold, and where each came from"),
];

/// Returns the error about a first word that would be a filter, and was meant for another runner.
pub(super) fn runner(definition: &Command, first: &str) -> Option<clap::Error> {
    (first == RUNNER).then(|| {
        let why = format!(
            "`{first}` is no subcommand of `cargo isotest`: `cargo isotest run` runs tests; to filter tests by the text `{first}`, \
             use `-- {first}`"
        );
        definition.clone().error(ErrorKind::InvalidSubcommand, why)
    })
}

/// Returns what to type instead of a flag of another runner.
pub(super) fn instead(flag: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(name, _)| *name == flag).map(|(_, instead)| *instead)
}
