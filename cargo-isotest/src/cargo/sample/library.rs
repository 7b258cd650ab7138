//! Directories of standard libraries. Compilers are asked for them, and their answers are kept for as long as a compiler's file
//! stays as it is: an answer takes longer than all else that the sample is for.

use super::files::renew;
use super::said::Variables;
use crate::cargo::command_output;
use crate::cargo::error::{CargoError, Stage};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Name of the file with the answers that are kept, in the directory of the sample.
const KEPT: &str = "libraries.json";

/// Call of a compiler by cargo.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// Compiler, and its arguments.
    pub(super) words: &'a [OsString],
    /// Environment of the compiler.
    pub(super) environment: &'a Variables,
}

/// Answers of compilers: those of earlier runs, and those of this one.
#[derive(Debug)]
pub(super) struct Libraries<'a> {
    /// Directory in which cargo calls the compiler.
    directory: &'a Path,
    earlier: Vec<Answer>,
    given: Vec<Answer>,
}

/// Answer of a compiler that was the file of this state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    words: Vec<String>,
    compiler: State,
    library: PathBuf,
}

/// State of a file: whatever happens to the file changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
    /// Reads the state of a toolchain's own compiler; `None` for another program, which may choose a toolchain by what is in
    /// none of its arguments.
    fn of_compiler(path: &Path) -> Option<Self> {
        let libraries = path.parent()?.parent()?.join("lib/rustlib");
        let meta = fs::metadata(path).ok().filter(|_| path.is_absolute() && libraries.is_dir())?;
        Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

impl<'a> Libraries<'a> {
    /// Reads the answers that are kept in the directory of the sample.
    pub(super) fn read(directory: &'a Path) -> Self {
        let kept = fs::read(directory.join(KEPT)).ok();
        let earlier = kept.and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default();
        Self { directory, earlier, given: Vec::new() }
    }

    /// Returns the directory of the standard library for which a compiler was called.
    ///
    /// # Errors
    /// When the compiler does not say it.
    pub(super) fn of(&mut self, call: Call<'_>) -> Result<PathBuf, CargoError> {
        let words = call.words.iter().map(|word| Some(word.to_str()?.to_owned())).collect::<Option<Vec<_>>>();
        let compiler = call.words.first().and_then(|program| State::of_compiler(Path::new(program)));
        let (Some(words), Some(compiler)) = (words, compiler) else { return self.ask(call) };
        let is_same = |answer: &&Answer| answer.words == words && answer.compiler == compiler;
        let known = self.earlier.iter().find(is_same).filter(|answer| answer.library.is_dir()).cloned();
        let answer = match known {
            Some(known) => known,
            None => Answer { words, compiler, library: self.ask(call)? },
        };
        let library = answer.library.clone();
        self.given.push(answer);
        Ok(library)
    }

    fn ask(&self, Call { words, environment }: Call<'_>) -> Result<PathBuf, CargoError> {
        let (program, arguments) =
            words.split_first().map_or_else(Default::default, |(program, rest)| (program.clone(), rest));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args(["--print", "target-libdir"])
            .current_dir(self.directory)
            .stdin(Stdio::null());
        command.env_clear().envs(environment);
        // The one is meant for tests, and the other names descriptors that only cargo's own children have.
        command.env_remove("RUST_MIN_STACK").env_remove("CARGO_MAKEFLAGS");
        let said = command_output::answer(&mut command, "rustc --print target-libdir", Stage::Metadata)?;
        Ok(said.trim_end_matches('\n').into())
    }

    /// Keeps the answers of this run. Without them the next one asks again.
    pub(super) fn keep(self) {
        if self.given != self.earlier
            && let Ok(text) = serde_json::to_string(&self.given)
        {
            let _ = renew(&self.directory.join(KEPT), &text, 0o644);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiler of a toolchain in `place` that says this for every call, and notes the calls.
    fn make_compiler(place: &Path, says: &Path) -> PathBuf {
        for directory in ["bin", "lib/rustlib"] {
            fs::create_dir_all(place.join(directory)).unwrap();
        }
        let path = place.join("bin/rustc");
        let text = format!("#!/bin/sh\necho called >> {}/calls\necho {}\n", place.display(), says.display());
        renew(&path, &text, 0o755).unwrap();
        path
    }

    fn calls(place: &Path) -> usize {
        fs::read_to_string(place.join("calls")).unwrap_or_default().lines().count()
    }

    fn asked(directory: &Path, words: &[&Path]) -> PathBuf {
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        let environment = [("PATH".into(), std::env::var_os("PATH").unwrap())].into();
        let mut libraries = Libraries::read(directory);
        let library = libraries.of(Call { words: &words, environment: &environment }).unwrap();
        libraries.keep();
        library
    }

    #[test]
    fn a_compiler_is_asked_again_only_if_it_or_the_question_is_another() {
        let scratch = tempfile::tempdir().unwrap();
        let (place, other) = (scratch.path(), scratch.path().join("other"));
        fs::create_dir(&other).unwrap();
        let rustc = make_compiler(place, place);
        for (words, number) in [(vec![&*rustc], 1), (vec![&rustc], 1), (vec![&rustc, Path::new("-O")], 2)] {
            assert_eq!((asked(place, &words), calls(place)), (place.to_owned(), number));
        }
        make_compiler(place, &other);
        assert_eq!((asked(place, &[&rustc, Path::new("-O")]), calls(place)), (other.clone(), 3));
        // A library that is gone is no answer.
        fs::remove_dir(&other).unwrap();
        assert_eq!((asked(place, &[&rustc, Path::new("-O")]), calls(place)), (other, 4));
    }

    #[test]
    fn a_program_outside_of_a_toolchain_is_always_asked() {
        let scratch = tempfile::tempdir().unwrap();
        let place = scratch.path();
        let rustc = make_compiler(place, place);
        fs::remove_dir(place.join("lib/rustlib")).unwrap();
        for number in [1, 2] {
            assert_eq!((asked(place, &[&rustc]), calls(place)), (place.to_owned(), number));
        }
    }
}
