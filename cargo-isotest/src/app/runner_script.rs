//! Script that stands for a call of `runner` with arguments, where only a program can be named; and its directory.

use crate::schedule::interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use tempfile::TempDir;

/// Temporary directory that is removed when this process ends, by a signal too.
#[derive(Debug)]
pub(super) struct Place(TempDir);

impl Place {
    /// Creates the directory. Its path has no blanks, at which cargo would split the command line of a runner.
    ///
    /// # Errors
    /// When the directory cannot be created, or no thread can be started that waits for signals.
    pub(super) fn new() -> io::Result<Self> {
        let usual = env::temp_dir();
        let has_blanks = usual.as_os_str().as_bytes().iter().any(u8::is_ascii_whitespace);
        let place =
            TempDir::with_prefix_in("isotest-runner.", if has_blanks { Path::new("/tmp") } else { &usual })?;
        let heeded = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !interrupt::is_ignored(*signal));
        let mut signals = Signals::new(heeded)?;
        let path = place.path().to_owned();
        thread::Builder::new().spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // A directory that cannot be removed does no harm.
                let _ = fs::remove_dir_all(path);
                interrupt::end(signal);
            }
        })?;
        Ok(Self(place))
    }

    /// Returns the path of the directory.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Call of `runner`.
#[derive(Debug)]
pub(super) struct Script<'a> {
    /// Directory in which the words were typed. The directory in which the script is called becomes that of the
    /// program.
    pub(super) directory: &'a Path,
    /// Arguments of `runner`, before those that the script is given.
    pub(super) words: Vec<&'a OsStr>,
}

impl Script<'_> {
    /// Writes the script into a directory of our own, and returns its path.
    ///
    /// # Errors
    /// When the script cannot be written, or a word holds a NUL.
    pub(super) fn write_into(&self, place: &Path) -> io::Result<PathBuf> {
        let path = place.join("run");
        fs::write(&path, self.text(env::current_exe()?.as_os_str())?)?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        Ok(path)
    }

    fn text(&self, this: &OsStr) -> io::Result<Vec<u8>> {
        let quoted = |word: &OsStr| -> io::Result<Vec<u8>> {
            let quoted = shlex::bytes::try_quote(word.as_bytes());
            quoted.map(Into::into).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
        };
        let mut text = b"#!/bin/sh\nhere=$PWD\ncd ".to_vec();
        text.extend(quoted(self.directory.as_os_str())?);
        text.extend(b" || exit 97\nexec ");
        text.extend(quoted(this)?);
        text.extend(b" runner --directory \"$here\"");
        for word in &self.words {
            text.push(b' ');
            text.extend(quoted(word)?);
        }
        text.extend(b" \"$@\"\n");
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_read_where_it_was_typed_and_words_stay_whole() {
        let script = Script { directory: Path::new("/x y"), words: vec![OsStr::new("--bind=/it's")] };
        let text = String::from_utf8(script.text(OsStr::new("/a b/cargo-isotest")).unwrap()).unwrap();
        let expected = "#!/bin/sh\nhere=$PWD\ncd '/x y' || exit 97\n\
                        exec '/a b/cargo-isotest' runner --directory \"$here\" \"--bind=/it's\" \"$@\"\n";
        assert_eq!(text, expected);
    }
}
