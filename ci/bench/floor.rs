//! The least a process per test can cost: spawns every test of a list and waits for it, with nothing around it.
//!
//! `floor JOBS LIST`, where each line of LIST is a test binary and a test name with a tab between them.

use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, jobs, list] = arguments.as_slice() else {
        eprintln!("usage: floor JOBS LIST");
        return ExitCode::from(2);
    };
    let jobs: usize = jobs.parse().expect("JOBS is a number");
    let list = std::fs::read_to_string(list).expect("LIST can be read");
    let tests: Vec<(&str, &str)> = list.lines().filter_map(|line| line.split_once('\t')).collect();
    let passed = execute_all(&tests, jobs);
    println!("{} tests run: {passed} passed", tests.len());
    if passed == tests.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Executes the tests, `jobs` at a time; gives the number of those that passed.
fn execute_all(tests: &[(&str, &str)], jobs: usize) -> usize {
    let next = AtomicUsize::new(0);
    let passed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((binary, name)) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    passed.fetch_add(usize::from(passes(binary, name)), Ordering::Relaxed);
                }
            });
        }
    });
    passed.into_inner()
}

/// Without anything that needs code between fork and exec, the standard library uses `posix_spawn(3)`.
fn passes(binary: &str, name: &str) -> bool {
    Command::new(binary)
        .args(["--exact", name, "--nocapture"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
