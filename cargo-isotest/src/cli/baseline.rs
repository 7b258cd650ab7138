//! Flags that compare memory peaks with those of earlier runs.

use clap::Args;
use std::path::PathBuf;

/// Flags about baselines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct BaselineArgs {
    /// Add the memory peaks of this run to the baseline NAME; a name with a `/` is a file
    #[arg(long, value_name = "NAME", value_parser = Name::read)]
    pub(crate) save_baseline: Option<Name>,
    /// Compare memory peaks with the baseline NAME, and name the tests that need more now
    #[arg(long, value_name = "NAME", value_parser = Name::read)]
    pub(crate) baseline: Option<Name>,
    /// Fail tests that need N percent, and at least a MiB, more memory than in `--baseline`
    #[arg(long, value_name = "N", value_parser = percent, requires = "baseline")]
    pub(crate) fail_on_increase: Option<u32>,
}

/// Name of a baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// Name below the state directory.
    Kept(String),
    /// File.
    File(PathBuf),
}

impl Name {
    /// Reads a name, which is a file if it has a `/`.
    fn read(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if text.is_empty() || text.starts_with('.') || !text.chars().all(is_of_name) {
            return Err(
                "a name has letters, digits, `-`, `_` and `.`; a file has a `/`, as in `./main.json`"
                    .to_owned(),
            );
        }
        Ok(Self::Kept(text.to_owned()))
    }

    /// Returns the name as it was typed.
    pub(crate) fn typed(&self) -> String {
        match self {
            Self::Kept(name) => name.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Reads a percentage, with or without its sign.
fn percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    number.parse().map_err(|_| "a percentage is a whole number, such as `10%`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_files_only_with_a_slash() {
        assert_eq!(Name::read("main-2.0"), Ok(Name::Kept("main-2.0".to_owned())));
        for path in ["./main.json", "/a/b", "a/b"] {
            assert_eq!(Name::read(path), Ok(Name::File(PathBuf::from(path))));
        }
        for text in ["", "..", "a b", ".x"] {
            assert!(Name::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_percentage_is_whole() {
        assert_eq!([percent("10%"), percent("10 %"), percent("0")], [Ok(10), Ok(10), Ok(0)]);
        assert!(["", "%", "-1%", "1.5%", "10%%"].into_iter().all(|text| percent(text).is_err()));
    }
}
