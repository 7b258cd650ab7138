//! `rlimit`: limits of each process of a test, by the names of setrlimit(2).

use crate::cli;
use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::error::SettingsError;
use crate::settings::limits;
use crate::settings::setting::Setting;
use isotest_core::limits::Rlimit;

pub(super) const RLIMIT: Key = Key {
    name: "rlimit",
    variable: None,
    read: |value, layer| {
        let expected = "a table of limits, such as { nofile = 64, core = \"0:unlimited\" }";
        let entries = value.table().ok_or_else(|| value.unexpected(expected))?;
        layer.test.limits.rlimits = entries.into_iter().map(rlimit).collect::<Result<_, _>>()?;
        Ok(())
    },
};

fn rlimit((name, value): (&str, Value<'_>)) -> Result<Setting<(Rlimit, u64, u64)>, SettingsError> {
    let number = value.number::<u64>().map(|number| (number, number));
    let limits = number.or_else(|| value.text().and_then(|text| cli::rlimit_values(text).ok()));
    let expected = "a number, \"unlimited\", or \"SOFT:HARD\" with the soft limit below the hard one";
    let Setting { value: (soft, hard), origin } = value.expect(limits, expected)?;
    limits::rlimit(origin, cli::RlimitWords { name: name.to_owned(), soft, hard })
}
