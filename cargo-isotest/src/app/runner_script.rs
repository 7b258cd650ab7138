//! A script that stands for a call of `runner` with arguments, where others take only a program.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A call of `runner`.
#[derive(Debug)]
pub(super) struct Script<'a> {
    /// Directory in which the words were typed. The one that the script is called in becomes that of the program.
    pub(super) directory: &'a Path,
    /// Arguments of `runner`, before those that the script is given.
    pub(super) words: Vec<&'a OsStr>,
}

impl Script<'_> {
    /// Writes it into a directory of our own, and gives its path.
    ///
    /// # Errors
    /// When it cannot be written, or a word holds a NUL.
    pub(super) fn write_into(&self, place: &Path) -> io::Result<PathBuf> {
        let path = place.join("run");
        fs::write(&path, self.text(std::env::current_exe()?.as_os_str())?)?;
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
