//! Output directories of cargo, from which the target triple of an executable follows.

use crate::cargo::error::CargoError;
use crate::cargo::metadata::Project;
use cargo_metadata::camino::{Utf8Path, Utf8PathBuf};

/// Output directories of one target triple and profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Target triple; `None` for the host, which has no subdirectory.
    pub(crate) triple: Option<String>,
    /// Directory of executables, such as `target/debug`.
    pub(crate) output: Utf8PathBuf,
    /// Directory of other files; usually that of the executables.
    pub(crate) intermediate: Utf8PathBuf,
}

impl Place {
    /// Derives the output directories from the path of a test executable.
    pub(crate) fn new(executable: &Utf8Path, project: &Project) -> Result<Self, CargoError> {
        Self::within(executable, &project.target, &project.build).ok_or_else(|| CargoError::OutsideTarget {
            binary: executable.into(),
            target: project.build.clone().into(),
        })
    }

    /// Derives the output directories from a path in a target directory or a build directory; `None` for another path.
    pub(crate) fn within(executable: &Utf8Path, target: &Utf8Path, build: &Utf8Path) -> Option<Self> {
        let inside = executable.strip_prefix(build).or_else(|_| executable.strip_prefix(target)).ok()?;
        let parts: Vec<_> = inside.components().map(|part| part.as_str()).collect();
        let kind = parts.iter().position(|part| matches!(*part, "deps" | "examples" | "build"))?;
        let (triple, profile) = match parts[..kind] {
            [profile] => (None, Utf8PathBuf::from(profile)),
            [triple, profile] => (Some(triple.to_owned()), Utf8Path::new(triple).join(profile)),
            _ => return None,
        };
        Some(Self { triple, output: target.join(&profile), intermediate: build.join(&profile) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(executable: &str, build: &str) -> Option<Place> {
        Place::within(executable.into(), "/w/target".into(), build.into())
    }

    fn expected(triple: Option<&str>, output: &str, intermediate: &str) -> Place {
        Place { triple: triple.map(Into::into), output: output.into(), intermediate: intermediate.into() }
    }

    #[test]
    fn the_host_has_no_directory_of_its_own() {
        let directory = "/w/target/release";
        assert_eq!(
            place("/w/target/release/deps/a-1", "/w/target"),
            Some(expected(None, directory, directory))
        );
        assert_eq!(
            place("/w/target/release/examples/a-1", "/w/target"),
            Some(expected(None, directory, directory))
        );
    }

    #[test]
    fn a_triple_has_one() {
        let directory = "/w/target/x86/debug";
        assert_eq!(
            place("/w/target/x86/debug/deps/a-1", "/w/target"),
            Some(expected(Some("x86"), directory, directory))
        );
    }

    #[test]
    fn intermediate_files_may_be_elsewhere() {
        let there = Some(expected(None, "/w/target/debug", "/b/debug"));
        assert_eq!(place("/b/debug/deps/a-1", "/b"), there);
        assert_eq!(place("/w/target/debug/examples/a-1", "/b"), there);
        assert_eq!(place("/b/debug/build/a/1/out/a-1", "/b"), there);
    }

    #[test]
    fn elsewhere_is_nowhere() {
        assert_eq!(place("/tmp/a", "/w/target"), None);
        assert_eq!(place("/w/target/debug/a", "/w/target"), None);
    }
}
