//! Many commands in a few slots: the sandbox for the next one is made while one runs.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::outcome::Outcome;
use isotest_core::sandbox::Cancel;
use isotest_core::{Sandbox, SandboxError, stage};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const SLOTS: usize = 2;
const COMMANDS: usize = 20;

fn main() -> Result<(), SandboxError> {
    stage::enter();
    let sandbox = Sandbox::new();
    let plan = sandbox.command("sh").arg("-c").arg("echo $$ >/tmp/only-mine").plan()?;
    let prepared = sandbox.prepare(SLOTS)?;
    let (next, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || -> Result<(), SandboxError> {
        let cancel = Cancel::new()?;
        let mut slot = prepared.slot()?;
        while next.fetch_add(1, Ordering::Relaxed) < COMMANDS {
            let record = slot.execute(&plan, &cancel);
            if record.is_some_and(|record| record.outcome == Outcome::Passed) {
                passed.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    let ended: Vec<_> = thread::scope(|scope| {
        let slots: Vec<_> = (0..SLOTS).map(|_| scope.spawn(work)).collect();
        slots.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    prepared.close()?;
    for slot in ended {
        slot.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    }
    println!("{} of {COMMANDS} passed", passed.load(Ordering::Relaxed));
    Ok(())
}
