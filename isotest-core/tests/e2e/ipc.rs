//! Inter-process communication ends at the sandbox.

use crate::namespaces::unique;
use crate::promise::{Kept, Promise};
use crate::sandboxed::Suite;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("system_v_memory_is_not_shared_with_the_host", |suite| {
        // The kernel's numbers are signed and positive here.
        let key = (0x1507_0000 + std::process::id() % 0x1_0000).to_string();
        kept_apart(suite, "sysv_shm", &key)
    }),
    Promise::new("posix_memory_is_not_shared_with_the_host", |suite| {
        kept_apart(suite, "posix_shm", &format!("/{}", unique("memory")))
    }),
    Promise::new("message_queues_are_not_shared_with_the_host", |suite| {
        kept_apart(suite, "mqueue", &format!("/{}", unique("queue")))
    }),
];

fn kept_apart(suite: &Suite, kind: &str, name: &str) -> Kept {
    let [create, find, remove] = ["create", "find", "remove"].map(|action| format!("{kind}_{action}"));
    suite.inside(&[&create, name])?.did()?;
    suite.outside(&[&find, name])?.refused("ENOENT")?;
    suite.outside(&[&create, name])?.did()?;
    let inside = suite.inside(&[&find, name]);
    let control = suite.outside(&[&find, name]);
    suite.outside(&[&remove, name])?.did()?;
    inside?.refused("ENOENT")?;
    control?.did()?;
    Ok(())
}
