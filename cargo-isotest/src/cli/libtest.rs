//! Arguments of the standard test harness (libtest) that may follow `--`.

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::num::NonZeroUsize;

/// Arguments after `--`, as libtest defines them.
#[derive(Debug, Default, PartialEq, Eq, Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct LibtestWords {
    pub(crate) filters: Vec<String>,
    #[arg(long, value_name = "FILTER")]
    pub(crate) skip: Vec<String>,
    #[command(flatten)]
    pub(crate) ignored: IgnoredWords,
    #[arg(long)]
    pub(crate) exact: bool,
    #[arg(long, alias = "nocapture")]
    pub(crate) no_capture: bool,
    #[arg(long)]
    pub(crate) show_output: bool,
    #[arg(long, value_name = "N", value_parser = super::numbers::count)]
    pub(crate) test_threads: Option<NonZeroUsize>,
}

/// Arguments on ignored tests.
#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct IgnoredWords {
    #[arg(long)]
    pub(crate) ignored: bool,
    #[arg(long)]
    pub(crate) include_ignored: bool,
}

/// An argument after `--` that is unknown, or has an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownWord {
    /// An unknown argument.
    #[error("unsupported test harness argument `{0}` after `--`; supported: {ACCEPTED}")]
    Word(String),
    /// An invalid value, in clap's words.
    #[error("invalid test harness argument after `--`: {0}")]
    Value(String),
}

const ACCEPTED: &str = "name filters, --skip FILTER, --exact, --ignored, --include-ignored, --nocapture, \
                        --no-capture, --show-output and --test-threads N";

impl LibtestWords {
    /// Parses the arguments after `--`.
    pub(crate) fn read(words: &[OsString]) -> Result<Self, UnknownWord> {
        Self::try_parse_from(words).map_err(|error| unknown(&error))
    }
}

fn unknown(error: &clap::Error) -> UnknownWord {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => {
            UnknownWord::Word(word.clone())
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            UnknownWord::Value(first.strip_prefix("error: ").unwrap_or(first).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<LibtestWords, UnknownWord> {
        LibtestWords::read(&words.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn words_and_filters_mix_in_any_order() {
        let words = read("a --skip b --exact c --skip=d --test-threads=3 --nocapture --ignored").unwrap();
        assert_eq!(words.filters, ["a", "c"]);
        assert_eq!(words.skip, ["b", "d"]);
        assert!(words.exact && words.no_capture && words.ignored.ignored && !words.ignored.include_ignored);
        assert_eq!(words.test_threads, NonZeroUsize::new(3));
    }

    #[test]
    fn an_unsupported_argument_is_named_beside_the_supported_ones() {
        for (words, unknown) in
            [("a --report-time", "--report-time"), ("-q", "-q"), ("--format=json", "--format")]
        {
            let text = read(words).unwrap_err().to_string();
            assert!(text.starts_with(&format!("unsupported test harness argument `{unknown}`")), "{text}");
            assert!(text.contains("--include-ignored"), "{text}");
        }
    }

    #[test]
    fn an_invalid_value_is_an_error() {
        assert!(read("--test-threads 0").unwrap_err().to_string().contains("--test-threads"));
        assert!(read("--skip").unwrap_err().to_string().contains("--skip"));
    }
}
