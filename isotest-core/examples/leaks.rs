//! Processes that a command leaves running are named, and killed with its sandbox.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::{Sandbox, SandboxError, stage};

fn main() -> Result<(), SandboxError> {
    stage::enter();
    let record = Sandbox::new().command("sh").arg("-c").arg("sleep 60 >/dev/null 2>&1 &").run()?;
    println!("{:?}", record.outcome);
    for process in record.ending.iter().flat_map(|ending| &ending.left_running) {
        println!("left running: {}", process.command);
    }
    Ok(())
}
