//! Command in a sandbox: what it writes is thrown away, what it used is measured.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::{Sandbox, stage};
use std::error::Error;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    stage::enter();
    let directory = env::temp_dir().join(format!("isotest-example-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let sandbox = Sandbox::new().copy_on_write(&directory);
    let command = sandbox.command("sh").arg("-c").arg("echo text >file && cat file").current_dir(&directory);
    let record = command.run();
    println!("the file is there: {}", directory.join("file").exists());
    fs::remove_dir(&directory)?;
    let record = record?;
    println!("{:?}: {:?}", record.outcome, String::from_utf8_lossy(&record.stdout.head));
    if let Some(ending) = &record.ending {
        println!("thrown away: {:?}", ending.changed.paths);
    }
    match record.usage.memory_peak {
        Some(peak) => println!("memory peak: {}, from {}", peak.value, peak.source),
        None => println!("memory peak: not measured"),
    }
    Ok(())
}
