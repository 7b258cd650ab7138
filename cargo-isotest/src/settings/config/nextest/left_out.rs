//! Keys that have no meaning here, with their places; pure.

use crate::settings::config::reading::Reading;
use crate::settings::setting::Place;
use std::borrow::Cow;
use std::fmt;
use toml::Spanned;

/// Key that is not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    place: Place,
    /// Key with the tables that it stands in.
    key: String,
    why: Why,
}

/// Reason why a key is not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Key that is unknown.
    Unknown,
    /// Key whose purpose does not exist here, with an explanation.
    NoMeaning(&'static str),
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Unknown => "unknown key",
            Why::NoMeaning(why) => why,
        };
        write!(f, "{}: `{}`: {why}", self.place, self.key)
    }
}

/// Keys that were left out up to now.
#[derive(Debug, Default)]
pub(super) struct Rest(Vec<LeftOut>);

impl Rest {
    /// Notes that a key is left out of a table, whose path ends with a dot.
    pub(super) fn leave_out<'d>(
        &mut self,
        reading: Reading<'d>,
        table: &str,
        name: &Spanned<Cow<'d, str>>,
        why: Why,
    ) {
        let place = reading.place(&name.span());
        self.0.push(LeftOut { place, key: format!("{table}{}", name.get_ref()), why });
    }

    /// Returns the keys in the order of the file, in which tables of one profile may stand apart.
    pub(super) fn in_order(mut self) -> Vec<LeftOut> {
        self.0.sort_by_key(|left_out| left_out.place.line);
        self.0
    }
}

/// Returns the reason why a key is left out: the reason among the known keys, or that it is unknown.
pub(super) fn why(name: &str, known: &[(&str, &'static str)]) -> Why {
    known.iter().find(|(key, _)| *key == name).map_or(Why::Unknown, |(_, why)| Why::NoMeaning(why))
}
