//! Root with nothing in it but a program and the libraries that it needs.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::{Sandbox, SandboxError, stage};

fn main() -> Result<(), SandboxError> {
    stage::enter();
    let sandbox = Sandbox::new().minimal_root("/bin/sh");
    let looks = "for path in /bin/* /usr/bin/* /etc/*; do [ -e \"$path\" ] && echo \"$path\"; done; true";
    let record = sandbox.command("/bin/sh").arg("-c").arg(looks).current_dir("/").run()?;
    print!("{:?}\n{}", record.outcome, String::from_utf8_lossy(&record.stdout.head));
    Ok(())
}
