//! Limits of memory and time: the kernel enforces the first, a process that waits the second.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::record::Record;
use isotest_core::{Bytes, Sandbox, SandboxError, stage};
use std::time::Duration;

fn peak(record: &Record) -> String {
    record.usage.memory_peak.map_or_else(|| "not measured".to_owned(), |peak| peak.value.to_string())
}

fn main() -> Result<(), SandboxError> {
    stage::enter();
    let patient = Sandbox::new().timeout(Duration::from_millis(200)).command("sleep").arg("60").run()?;
    println!("time: {:?}", patient.outcome);
    let small = Sandbox::new().memory_limit(Bytes::mib(16));
    // `tail` keeps a line until its end, which does not come.
    match small.command("tail").arg("/dev/zero").run() {
        Ok(record) => println!("memory: {:?}, peak {}", record.outcome, peak(&record)),
        Err(error @ SandboxError::Limit { .. }) => println!("memory: {error}"),
        Err(error) => return Err(error),
    }
    Ok(())
}
