//! Picture of a process that hangs, taken before it is killed at the end of its time.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::{Sandbox, SandboxError, stage};
use std::time::Duration;

fn main() -> Result<(), SandboxError> {
    stage::enter();
    let sandbox = Sandbox::new().timeout(Duration::from_millis(300));
    let record = sandbox.command("sh").arg("-c").arg("sleep 60 | cat").run()?;
    println!("{:?}", record.outcome);
    for process in record.autopsy.iter().flat_map(|autopsy| &autopsy.snapshot.processes) {
        println!("{process:#?}");
    }
    Ok(())
}
