//! Root file system of a container image, unpacked in a directory: `image_root DIRECTORY PROGRAM [ARGUMENT...]`.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::{Sandbox, stage};
use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    stage::enter();
    let mut words = env::args_os().skip(1);
    let usage = "usage: image_root DIRECTORY PROGRAM [ARGUMENT...]";
    let (directory, program) = (words.next().ok_or(usage)?, words.next().ok_or(usage)?);
    let command = Sandbox::new().root(directory).command(program).args(words).current_dir("/");
    let record = command.run()?;
    print!(
        "{}{}",
        String::from_utf8_lossy(&record.stdout.head),
        String::from_utf8_lossy(&record.stderr.head)
    );
    println!("{:?}", record.outcome);
    Ok(())
}
