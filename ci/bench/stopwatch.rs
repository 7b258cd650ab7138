//! Measures one command from inside the sandbox-free session it runs in: `stopwatch time|peak OUTPUT COMMAND [ARGUMENT..]`.
//!
//! The command's output goes to the file OUTPUT. On standard output stand the wall time in microseconds, the peak of
//! the command's own resident memory in KiB (its children not included; 0 for `time`, which does not look), and its
//! exit status.

use std::fs::{self, File};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How often memory is looked at. The kernel keeps the high-water mark; only growth in the last interval can be missed.
const INTERVAL: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, mode, output, program, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: stopwatch time|peak OUTPUT COMMAND [ARGUMENT..]");
        return ExitCode::from(2);
    };
    let out = File::create(output).expect("OUTPUT can be written");
    let err = out.try_clone().expect("a descriptor can be duplicated");
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .expect("COMMAND can be started");
    let peak = if mode == "peak" { peak_until_end(&mut child) } else { 0 };
    let status = child.wait().expect("COMMAND can be waited for");
    println!("{} {peak} {}", start.elapsed().as_micros(), status.code().unwrap_or(255));
    ExitCode::SUCCESS
}

/// The last high-water mark seen before the process ended, in KiB.
fn peak_until_end(child: &mut Child) -> u64 {
    let mut peak = 0;
    while matches!(child.try_wait(), Ok(None)) {
        peak = high_water_mark(child.id()).unwrap_or(peak);
        std::thread::sleep(INTERVAL);
    }
    peak
}

fn high_water_mark(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
