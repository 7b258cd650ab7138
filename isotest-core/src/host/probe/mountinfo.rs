//! Decodes words of `/proc/PID/mountinfo`; pure.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Decodes a path or word of mountinfo, in which space, tab, newline and backslash are octal (proc_pid_mountinfo(5)).
pub(crate) fn unescaped(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| byte == b'\\').and_then(octal);
        plain.push(octal.unwrap_or(byte));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(plain).into()
}

fn octal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_paths_are_unescaped() {
        for (given, expected) in [
            ("/a", "/a"),
            ("/with\\040space", "/with space"),
            ("/back\\134slash", "/back\\slash"),
            ("/new\\012line\\040", "/new\nline "),
            ("/short\\04", "/short\\04"),
        ] {
            assert_eq!(unescaped(Path::new(given)), Path::new(expected));
        }
    }
}
