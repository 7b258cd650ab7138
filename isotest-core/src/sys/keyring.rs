//! Calls `keyctl(2)`.

use std::io;
use std::ptr;

const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;

/// Joins a new session keyring without a name, for this process and those it starts: keyctl(2) with
/// `KEYCTL_JOIN_SESSION_KEYRING`.
///
/// # Errors
/// Errors of keyctl(2); `ENOSYS` where the kernel has no keyrings, `EDQUOT` when the user has too many keys.
pub(crate) fn join_new_session() -> io::Result<()> {
    let anonymous: *const libc::c_char = ptr::null();
    // SAFETY: without a name the call reads no memory of this process.
    let returned = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, anonymous) };
    super::checked(returned).map(drop)
}
