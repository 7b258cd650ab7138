//! Parses cargo's messages about a sample package, and the records of the script in place of rustc.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Name of the package and of its target.
pub(super) const NAME: &str = "isotest_sample";

/// Environment variables by name.
pub(crate) type Variables = BTreeMap<OsString, OsString>;

/// Record of the script in place of rustc.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Compiler, and its arguments.
    pub(super) words: Vec<OsString>,
    /// Environment of the script.
    pub(super) environment: Variables,
}

impl Record {
    /// Returns the directory of the executable.
    pub(super) fn directory(&self) -> Option<&str> {
        let place = self.words.iter().position(|word| word == "--out-dir")?;
        self.words.get(place + 1)?.to_str()
    }
}

/// Parses the records of the script; `None` if the last one has no end.
pub(super) fn records(bytes: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    let mut items = bytes.split(|&byte| byte == 0).peekable();
    // The last byte ends an item, after which there is an empty one.
    while items.peek().is_some_and(|item| !item.is_empty()) {
        let number: usize = std::str::from_utf8(items.next()?).ok()?.parse().ok()?;
        let words = (0..number).map(|_| Some(OsStr::from_bytes(items.next()?).into()));
        let words = words.collect::<Option<_>>()?;
        let mut environment = Variables::new();
        loop {
            let item = items.next()?;
            if item.is_empty() {
                break;
            }
            if let Some(equals) = item.iter().skip(1).position(|&byte| byte == b'=') {
                let (name, value) = (&item[..=equals], &item[equals + 2..]);
                environment.insert(OsStr::from_bytes(name).into(), OsStr::from_bytes(value).into());
            }
        }
        records.push(Record { words, environment });
    }
    Some(records)
}

/// Finds the executables of the sample below `target` in cargo's messages, each with its runner, program first.
///
/// Cargo quotes arguments for a shell, but not the program, which may have spaces: it is then what `is_file` finds.
pub(super) fn executables<'a>(
    said: &'a str,
    target: &'a (impl AsRef<str> + ?Sized),
    is_file: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (Vec<OsString>, String)> + 'a {
    let lines = said.lines().filter_map(|line| {
        let (_, command) = line.trim_start().split_once(" `")?;
        command.strip_suffix('`')
    });
    lines.filter_map(move |command| parse(command, target.as_ref(), &is_file))
}

fn parse(command: &str, target: &str, is_file: impl Fn(&str) -> bool) -> Option<(Vec<OsString>, String)> {
    let is_sample = |path: &str| {
        let name = path.strip_prefix(target).and_then(|rest| rest.strip_prefix('/')?.rsplit('/').next());
        name.is_some_and(|name| name.starts_with(NAME))
    };
    if is_sample(command) {
        return Some((Vec::new(), command.to_owned()));
    }
    let spaces = command.match_indices(' ').map(|(at, _)| (&command[..at], &command[at + 1..]));
    let understood = spaces.filter_map(|(program, rest)| {
        let mut words = shlex::split(rest)?;
        let executable = words.pop().filter(|last| is_sample(last))?;
        Some((program, words, executable))
    });
    let mut understood: Vec<_> = understood.collect();
    // A program without a directory is looked for in `PATH`, and has no spaces.
    let best = understood.iter().position(|(program, ..)| is_file(program)).unwrap_or(0);
    if understood.is_empty() {
        return None;
    }
    let (program, arguments, executable) = understood.swap_remove(best);
    let runner = std::iter::once(program.into()).chain(arguments.into_iter().map(OsString::from));
    Some((runner.collect(), executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(said: &str, target: &str) -> Vec<(Vec<OsString>, String)> {
        executables(said, target, |path| path == "/a b/run").collect()
    }

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_runner_stands_before_the_executable() {
        let said = "   Compiling a v1.0.0 (/t)\n     Running `rustc --out-dir /t/debug/deps`\n  Executable `/t/debug/deps/isotest_sample-1`\n";
        assert_eq!(found(said, "/t"), [(Vec::new(), "/t/debug/deps/isotest_sample-1".to_owned())]);
        let said = "  Executable `env A='b c' 'it'\\''s' /t/debug/deps/isotest_sample-1`";
        let runner = words(&["env", "A=b c", "it's"]);
        assert_eq!(found(said, "/t"), [(runner, "/t/debug/deps/isotest_sample-1".to_owned())]);
    }

    #[test]
    fn only_arguments_are_quoted() {
        let executable = "/o'd d/debug/deps/isotest_sample-1".to_owned();
        assert_eq!(
            found("Executable `/o'd d/debug/deps/isotest_sample-1`", "/o'd d"),
            [(Vec::new(), executable.clone())]
        );
        let said = "Executable `/a b/run -x '/o'\\''d d/debug/deps/isotest_sample-1'`";
        assert_eq!(found(said, "/o'd d"), [(words(&["/a b/run", "-x"]), executable)]);
    }

    #[test]
    fn what_is_below_no_target_directory_is_none() {
        assert_eq!(
            found(
                "Executable `/other/debug/deps/isotest_sample-1`\nExecutable `env /tt/isotest_sample-1`\nExecutable `/t/a-1`\n",
                "/t"
            ),
            []
        );
    }

    #[test]
    fn a_record_ends_with_an_empty_item() {
        let record = Record {
            words: words(&["rustc", "", "--out-dir", "/t"]),
            environment: [("A".into(), "b=c\nd".into()), ("E".into(), "".into())].into(),
        };
        assert_eq!(record.directory(), Some("/t"));
        assert_eq!(records(b"4\0rustc\0\0--out-dir\0/t\0A=b=c\nd\0E=\0\0"), Some(vec![record]));
        assert_eq!(records(b""), Some(Vec::new()));
        assert_eq!(records(b"2\0rustc\0-O\0A=b"), None);
        assert_eq!(records(b"3\0rustc\0-O\0"), None);
    }
}
