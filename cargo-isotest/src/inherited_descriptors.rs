//! Removes environment variables about descriptors that a process in a sandbox does not inherit; pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Variables in which make(1) and cargo name their jobserver.
const MAKE_FLAGS: [&str; 3] = ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS"];
/// Variables that contain numbers of descriptors or belong to these: sockets of sd_listen_fds(3), a trace of bash(1).
const NUMBERS: [&str; 4] = ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "BASH_XTRACEFD"];

/// Removes the mentions of descriptors from an environment: a program that is told of a missing descriptor warns or
/// fails.
pub(crate) fn forget(environment: &mut Vec<(OsString, OsString)>) {
    environment.retain(|(name, _)| !NUMBERS.iter().any(|number| name == number));
    for (name, value) in environment {
        if MAKE_FLAGS.iter().any(|flags| name == flags) {
            *value = without_jobserver(value);
        }
    }
}

/// Returns the flags of make(1) without a jobserver, and without the number of jobs that stands for one. Variables of
/// the user follow ` -- ` and stay.
fn without_jobserver(flags: &OsStr) -> OsString {
    let is_of_jobserver = |word: &[u8]| {
        ["--jobserver-", "-j", "--jobs"].iter().any(|of_jobserver| word.starts_with(of_jobserver.as_bytes()))
    };
    let bytes = flags.as_bytes();
    let end = bytes.windows(4).position(|window| window == b" -- ").unwrap_or(bytes.len());
    let (flags, variables) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let kept: Vec<_> = flags.split(|byte| *byte == b' ').filter(|word| !is_of_jobserver(word)).collect();
    OsString::from_vec([&kept.join(&b' '), variables].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_of_descriptors_is_removed_and_the_rest_stays() {
        for (flags, expected) in [
            ("", ""),
            (" -j2 --jobserver-auth=3,4", ""),
            ("kw -j --jobserver-fds=3,4", "kw"),
            ("w -j8 --jobserver-auth=fifo:/tmp/GMfifo7 --no-print-directory", "w --no-print-directory"),
            (" -j2 --jobserver-auth=3,4 -- A=-j2 B=--jobserver-auth=3,4", " -- A=-j2 B=--jobserver-auth=3,4"),
            ("-j --jobserver-fds=3,4 --jobserver-auth=3,4", ""),
        ] {
            assert_eq!(without_jobserver(flags.as_ref()), *expected, "{flags}");
        }
        let variable = |name: &str, value: &str| (name.into(), value.into());
        let kept = [variable("MAKELEVEL", "1"), variable("LISTEN", "3")];
        let mut environment = vec![variable("LISTEN_FDS", "1"), variable("LISTEN_PID", "7")];
        environment.extend(kept.clone());
        forget(&mut environment);
        assert_eq!(environment, kept);
    }
}
