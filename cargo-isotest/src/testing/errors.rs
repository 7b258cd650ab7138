//! Errors as users see them, for snapshots of all variants of an error type.

use crate::app::error_text::error_text;
use crate::error::Error;
use crate::exit::End;
use snapbox::assert::DEFAULT_ACTION_ENV;
use snapbox::{Assert, Data};
use std::path::Path;

/// Returns what the program writes because of an error, and how it ends.
pub(crate) fn told(error: impl Into<Error>) -> String {
    let error = error.into();
    let end = match error.end() {
        End::Exit(exit) => format!("exit code {} ({exit:?})", exit as u8),
        other => format!("{other:?}"),
    };
    format!("{}  end: {end}\n", anstream::adapter::strip_str(&error_text(&error)))
}

/// Compares texts of errors with those that are kept below `errors`.
pub(crate) fn is_as_kept(name: &str, text: String) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/testing/errors/{name}.txt"));
    Assert::new().action_env(DEFAULT_ACTION_ENV).eq(text, Data::read_from(&kept, None).raw());
}

/// Returns examples of an enum. A variant without a row does not compile, and an example that is of another row
/// panics.
macro_rules! each_of {
    ($kind:ty { $($variant:pat => [$($example:expr),+ $(,)?]),+ $(,)? }) => {{
        let _all_have_a_row = |example: &$kind| match example {
            $($variant => {})+
        };
        let mut examples: Vec<$kind> = Vec::new();
        $($(
            let example: $kind = $example;
            assert!(matches!(&example, $variant), "an example of another row: {example:?}");
            examples.push(example);
        )+)+
        examples
    }};
}

/// Returns the texts of examples of an error type, with a row for each variant.
macro_rules! each_variant {
    ($($rows:tt)+) => {
        $crate::testing::errors::each_of!($($rows)+)
            .into_iter()
            .map($crate::testing::errors::told)
            .collect::<String>()
    };
}

pub(crate) use {each_of, each_variant};
