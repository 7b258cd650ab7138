//! Writes words and lines of a shell script.

/// Prefix for two commands that the `PATH` of a user does not reach everywhere.
pub(super) const WITH_SBIN: &str = "PATH=$PATH:/usr/sbin:/sbin";

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// Script as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Lines(String);

impl Lines {
    /// Writes a line that belongs to no step.
    pub(super) fn top(&mut self, line: &str) {
        self.0 += line;
        self.0.push('\n');
    }

    /// Writes an empty line.
    pub(super) fn blank(&mut self) {
        self.0.push('\n');
    }

    /// Writes a comment on what follows.
    pub(super) fn say(&mut self, comment: &str) {
        self.run(&format!("# {comment}"));
    }

    /// Writes a command.
    pub(super) fn run(&mut self, command: &str) {
        self.top(&format!("    {command}"));
    }

    /// Returns the whole text.
    pub(super) fn text(self) -> String {
        self.0
    }
}

/// Quotes a text as one word of a shell's command line, whatever is in it.
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let quoted = word.to_str().and_then(|text| shlex::try_quote(text).ok());
    // A script is text; a word that is not text is made when the script is executed.
    quoted.map_or_else(|| format!("\"$(printf '%b' '{}')\"", escaped(word.as_bytes())), Cow::into_owned)
}

fn escaped(bytes: &[u8]) -> String {
    let mut escaped = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"/._- ".contains(byte) {
            escaped.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "\\0{byte:03o}");
        }
    }
    escaped
}

/// Joins several words, quoted already, on as many lines as they need; `None` for none.
pub(super) fn list(words: impl Iterator<Item = String>) -> Option<String> {
    const COLUMNS: usize = 90;
    let mut list = String::new();
    let mut column = 0;
    for word in words {
        column += word.len() + 1;
        if !list.is_empty() {
            list += if column > COLUMNS { " \\\n        " } else { " " };
        }
        if column > COLUMNS {
            column = word.len();
        }
        list += &word;
    }
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_if_it_must_be() {
        for (word, text) in [
            (&b"/usr/bin"[..], "/usr/bin"),
            (b"", "''"),
            (b"a b", "'a b'"),
            (b"it's", r#""it's""#),
            (b"=ls", "'=ls'"),
            ("\u{e4}\n$x".as_bytes(), "'\u{e4}\n$x'"),
            (b"a\xff'\\", r#""$(printf '%b' 'a\0377\0047\0134')""#),
        ] {
            assert_eq!(quoted(OsStr::from_bytes(word)), text);
        }
    }
}
