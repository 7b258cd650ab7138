//! Key `rlimit`: limits of each process of a test, by the names of setrlimit(2).

use crate::cli;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::value::Value;
use crate::settings::config::written;
use crate::settings::error::SettingsError;
use crate::settings::limits;
use crate::settings::setting::Setting;
use isotest_core::limits::Rlimit;

pub(super) const RLIMIT: Key = Key {
    name: "rlimit",
    variable: None,
    about: "Limits of each process, by the names of setrlimit(2): a number, `unlimited`, or `SOFT:HARD`",
    form,
    example: "{ nofile = 256, core = \"0:unlimited\" }",
    default: None,
    read: |value, layer| {
        let expected = "a table of limits, such as { nofile = 64, core = \"0:unlimited\" }";
        let entries = value.table().ok_or_else(|| value.unexpected(expected))?;
        layer.test.limits.rlimits = entries.into_iter().map(rlimit).collect::<Result<_, _>>()?;
        Ok(())
    },
    said: |layer| written::each(&layer.test.limits.rlimits, written),
};

fn rlimit((name, value): (&str, Value<'_>)) -> Result<Setting<(Rlimit, u64, u64)>, SettingsError> {
    let number = value.number::<u64>().map(|number| (number, number));
    let limits = number.or_else(|| value.text().and_then(|text| cli::rlimit_values(text).ok()));
    let expected = "a number, \"unlimited\", or \"SOFT:HARD\" with the soft limit below the hard one";
    let Setting { value: (soft, hard), origin } = value.expect(limits, expected)?;
    limits::rlimit(origin, cli::RlimitWords { name: name.to_owned(), soft, hard })
}

fn form() -> serde_json::Value {
    let limit = form::either([form::from(0), form::pattern("^([0-9]+|unlimited)(:([0-9]+|unlimited))?$")]);
    form::table(Rlimit::ALL.map(|rlimit| (rlimit.as_str(), limit.clone())), &[])
}

fn written((rlimit, soft, hard): (Rlimit, u64, u64)) -> toml::Value {
    let number = |limit: u64| match limit {
        u64::MAX => toml::Value::String("unlimited".to_owned()),
        limit => written::number(limit),
    };
    let text = |limit| number(limit).as_str().map_or_else(|| limit.to_string(), str::to_owned);
    let limits = if soft == hard {
        number(soft)
    } else {
        toml::Value::String(format!("{}:{}", text(soft), text(hard)))
    };
    written::table([(rlimit.as_str(), limits)])
}
