//! Executes programs with `execve(2)`, with lists made before: where memory is shared, the caller must not need any.

use nix::errno::Errno;
use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;

/// Strings as execve(2) takes them: their addresses, and then none.
#[derive(Debug)]
pub(crate) struct Strings<'text>(Vec<*const libc::c_char>, PhantomData<&'text CStr>);

impl<'text> FromIterator<&'text CStr> for Strings<'text> {
    fn from_iter<I: IntoIterator<Item = &'text CStr>>(texts: I) -> Self {
        let addresses = texts.into_iter().map(CStr::as_ptr);
        Self(addresses.chain([std::ptr::null()]).collect(), PhantomData)
    }
}

/// Executes another program in this process; a program named without a directory is looked for in `PATH`
/// (execvpe(3)). Returns only to say why not: the errors of execve(2).
pub(crate) fn exec(program: &CStr, arguments: &Strings<'_>, environment: &Strings<'_>) -> io::Error {
    let is_bare_name = !program.to_bytes().contains(&b'/');
    let call = if is_bare_name { libc::execvpe } else { libc::execve };
    // SAFETY: `program` ends in a NUL, as do the strings of both lists, which outlive the call and end in a null pointer.
    unsafe { call(program.as_ptr(), arguments.0.as_ptr(), environment.0.as_ptr()) };
    Errno::last().into()
}
