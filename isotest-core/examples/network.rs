//! Network of its own for each command: both sides of a connection are inside, and no port of the host is taken.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::{Sandbox, SandboxError, stage};
use std::fs;

fn main() -> Result<(), SandboxError> {
    stage::enter();
    let interfaces = Sandbox::new().command("cat").arg("/proc/net/dev").run()?;
    let text = String::from_utf8_lossy(&interfaces.stdout.head).into_owned();
    println!("inside: {:?}", names(&text));
    println!("outside: {:?}", names(&fs::read_to_string("/proc/net/dev")?));
    Ok(())
}

/// Returns the names of the interfaces.
fn names(table: &str) -> Vec<&str> {
    table.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect()
}
