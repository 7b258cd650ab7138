//! Snapshots of the errors that a command line can provoke on any host, before a sandbox is made.

use crate::call::bare;
use crate::help::is_as_kept;
use std::fmt::Write;
use std::path::Path;

const LINES: [&str; 94] = [
    "--timeout 0s",
    "--timeout soon",
    "--list-timeout 0s",
    "--list-timeout 5",
    "--slow-timeout soon",
    "--global-timeout soon",
    "--retries often",
    "--retries -1",
    "--max-fail -1",
    "--pids-limit -1",
    "--top many",
    "--stress-duration soon",
    "--status-level loud",
    "--show-progress fast",
    "--color pink",
    "--flaky-result maybe",
    "--run-ignored some",
    "--budgets maybe",
    "--report junit",
    "--report word=a.txt",
    "report --schema --junit x",
    "--build-jobs x",
    "--build-jobs 0",
    "--fail-on-increase 5",
    "--baseline a --fail-on-increase many",
    "--root image:x",
    "--shuffle=",
    "--memory-aware",
    "-P",
    "--max-fail 0",
    "--max-fail 3:now",
    "--jobs 0",
    "--jobs many",
    "--memory-limit 0",
    "--memory-limit much",
    "--memory-limit 64",
    "--memory-limit 64M",
    "--memory-limit 1KiB",
    "exec --memory-limit 511KiB -- true",
    "--off memory --memory-limit 1GiB",
    "--swap-limit 1MiB",
    "--cpu-limit 0",
    "--cpu-weight 0",
    "--cpu-limit many",
    "--cpu-weight many",
    "--cpus 2-1",
    "--cpus 5000",
    "--cpus all",
    "--pids-limit 0",
    "--pids-limit many",
    "--rlimit nofile",
    "--rlimit nofile=9:3",
    "--rlimit nofile=many",
    "--rlimit gravity=1",
    "--prefer memory --memory-limit 1GiB",
    "--off rootfs --require rootfs",
    "--root elsewhere",
    "--root tar:/nowhere",
    "--hide-package",
    "--bind /nowhere",
    "--bind /usr:rx",
    "--bind /dev:rw",
    "--keep /",
    "--network wifi",
    "-q -v",
    "--partition 1/2",
    "--partition slice:3/2",
    "--partition hash:0/2",
    "--shuffle=much",
    "--no-tests never",
    "list --no-run",
    "nextest run",
    "--release nextest run -E all()",
    "help shel",
    "--rerun-failed --no-history",
    "--list",
    "--ignored",
    "--include-ignored",
    "-R latest",
    "--leak-timeout 1s",
    "--debugger gdb --tracer strace",
    "--stress-count 0",
    "--timeouts 3s",
    "-- --report-time",
    "-- --test-threads 0",
    "--message-format xml",
    "list --message-format libtest-json",
    "report",
    "report --schema run.jsonl",
    "closure /nowhere",
    "closure /etc/passwd",
    "exec",
    "exec ls -l 'a b'",
    "explain --memory 3",
];

const FILTERSETS: [&str; 12] = [
    "",
    "tset(parser)",
    "test(parser) && test(nul)",
    "test(parser) test(nul)",
    "not",
    "test",
    "(test(parser)",
    "test()",
    "test(a, b)",
    r"test(a\d)",
    "test(/a(b/) or all()",
    "binary_id(#tour::{a\\,b)",
];

#[test]
fn each_error_of_a_filterset_is_shown_with_its_place() {
    let mut said = String::new();
    for expression in FILTERSETS {
        let ended = bare().within(Path::new("/usr")).arguments(["-E", expression]).run().with_code(94);
        assert_eq!(ended.stdout, "");
        write!(said, "$ cargo isotest -E '{expression}'\n{}\n", ended.stderr).unwrap();
    }
    is_as_kept("filtersets.txt", said);
}

#[test]
fn each_error_of_the_command_line_says_what_is_wrong_and_what_to_type() {
    let mut said = String::new();
    for line in LINES {
        let call = bare().variable("COLUMNS", "80").within(Path::new("/usr"));
        let ended = call.arguments(line.split(' ').collect::<Vec<_>>()).run().with_code(2);
        assert_eq!(ended.stdout, "");
        write!(said, "$ cargo isotest {line}\n{}\n", ended.stderr).unwrap();
    }
    is_as_kept("errors.txt", said);
}
