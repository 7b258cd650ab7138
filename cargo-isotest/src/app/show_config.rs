//! `cargo isotest show-config`: shows the settings in force and the origin of each, as text or as JSON lines.

use crate::app::session::Session;
use crate::app::single;
use crate::budget::Written;
use crate::cargo::build::Workspace;
use crate::cargo::platform;
use crate::cli::MessageFormat;
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::report::OutputError;
use crate::settings::{self, Held, HeldOverride, Origin, Part, Place, Said, Settings, Table};
use crate::testcase::TestCase;
use crate::text::sanitize::word;
use crate::text::style::{DIM, HEAD};
use serde::Serialize;
use std::io::{self, Write};

/// Width of the longest key, in columns.
const KEY: usize = 18;
/// Width of most values, in columns.
const VALUE: usize = 16;
/// Width of a line, in columns; the text after a longer value gets a line of its own.
const LINE: usize = 80;

/// Writes the settings of the run, and those of the one selected test or of all tests.
///
/// # Errors
/// When the configuration is invalid, there is no such test, or standard output cannot be written.
pub(crate) fn execute(of_test: bool, said: Said, invocation: &Invocation) -> Result<End, Error> {
    if of_test {
        let session = Session::of_tests(said, invocation)?;
        session.with(invocation, |sandboxes| {
            let test = single::test(&session, sandboxes)?;
            let beside = session.budgets.beside(&test);
            Ok(write(&session.settings, Some(&test), &beside).map_err(OutputError::Stream)?)
        })?;
    } else {
        let workspace = Workspace::around(&said.cargo, invocation);
        let root = workspace.as_ref().ok().and_then(Option::as_ref).map(Workspace::root);
        let settings = said.settings_in(root, invocation, |cargo| platform::machine(cargo, invocation))?;
        workspace?;
        write(&settings, None, &[]).map_err(OutputError::Stream)?;
    }
    Ok(End::Exit(Exit::Ok))
}

/// Writes the JSON schema of the configuration file.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn schema() -> Result<End, Error> {
    let text = format!("{:#}\n", settings::schema());
    io::stdout().lock().write_all(text.as_bytes()).map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

fn write(settings: &Settings, test: Option<&TestCase>, beside: &[Written]) -> io::Result<()> {
    let of_test = settings.held_of_test(test, beside);
    let shown = Shown {
        of_run: settings.held_of_run(),
        of_test: &of_test,
        overrides: &settings.held_overrides(test),
        test,
    };
    match settings.message_format.value.into() {
        MessageFormat::Human => anstream::stdout().lock().write_all(shown.text().as_bytes()),
        MessageFormat::Json => io::stdout().lock().write_all(shown.lines()?.as_bytes()),
    }
}

/// Settings that are shown.
#[derive(Debug)]
struct Shown<'a> {
    of_run: &'a [Held],
    of_test: &'a [Held],
    overrides: &'a [HeldOverride],
    /// Test that was named.
    test: Option<&'a TestCase>,
}

impl Shown<'_> {
    fn text(&self) -> String {
        let title = |test: &TestCase| format!("Settings of {}", test.title());
        let run = section("Settings of the run", self.of_run);
        let title = self.test.map_or_else(|| "Settings of each test".to_owned(), title);
        let tests = section(&title, self.of_test);
        if self.overrides.is_empty() {
            return format!("{run}\n{tests}");
        }
        let which = if self.test.is_some() { "Overrides that match it" } else { "Overrides" };
        let overrides: String = self.overrides.iter().map(of_override).collect();
        format!(
            "{run}\n{tests}\n{HEAD}{which}{HEAD:#}: the first that has a key holds before the others\n{overrides}"
        )
    }

    fn lines(&self) -> serde_json::Result<String> {
        let mut lines: Vec<_> = self.of_run.iter().map(|held| Line::new("run", None, held)).collect();
        lines.extend(self.of_test.iter().map(|held| Line::new("test", self.test, held)));
        for HeldOverride { filter, said, .. } in self.overrides {
            let filter = filter.as_ref().map(ToString::to_string);
            let line = |held| Line { filter: filter.clone(), ..Line::new("override", self.test, held) };
            lines.extend(said.iter().map(line));
        }
        lines.iter().map(|line| Ok(serde_json::to_string(line)? + "\n")).collect()
    }
}

fn section(title: &str, held: &[Held]) -> String {
    format!("{HEAD}{}{HEAD:#}\n{}", word(title), rows(held))
}

fn of_override(HeldOverride { filter, place, said }: &HeldOverride) -> String {
    let filter =
        filter.as_ref().map_or_else(|| "all tests".to_owned(), |filter| in_one_line(&filter.to_string()));
    format!("  {filter}\n  {DIM}{}{DIM:#}\n{}", place_of(*place), rows(said))
}

/// Formats a line for each value. A key stands once beside all its values.
fn rows(held: &[Held]) -> String {
    let mut last = None;
    let row = |held: &Held| {
        let key = if last == Some(held.key) { "" } else { held.key };
        last = Some(held.key);
        let value = held.value.as_ref().map_or_else(|| "-".to_owned(), |value| word(&value.to_string()));
        let origin = origin_of(held.origin);
        let width = 2 + KEY + 2 + value.chars().count().max(VALUE) + 2 + origin.chars().count();
        let gap = if width <= LINE { "  ".to_owned() } else { format!("\n  {:KEY$}  ", "") };
        format!("  {key:KEY$}  {value:VALUE$}{gap}{DIM}{origin}{DIM:#}\n")
    };
    held.iter().map(row).collect()
}

fn origin_of(origin: Origin) -> String {
    match origin {
        Origin::Flag(name) | Origin::Environment(name) => name.to_owned(),
        Origin::HarnessArgument(name) => format!("-- {name}"),
        Origin::File(_, place) => place_of(place),
        Origin::Default => "default".to_owned(),
    }
}

fn place_of(place: Place) -> String {
    let place_in = match &place.table.part {
        Part::Whole | Part::User => String::new(),
        Part::Profile(name) => format!("profile {name}, "),
        Part::Override(_) => "override, ".to_owned(),
    };
    word(&format!("{place_in}{place}"))
}

fn in_one_line(text: &str) -> String {
    word(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Setting"))]
struct Line<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "setting")))]
    kind: &'static str,
    schema: u32,
    scope: &'static str,
    binary_id: Option<&'a str>,
    name: Option<&'a str>,
    filter: Option<String>,
    key: &'static str,
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    value: Option<&'a toml::Value>,
    origin: LineOrigin,
}

/// Makes the schema of the line of a value.
#[cfg(test)]
pub(crate) fn schema_of_line(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Line<'static>>()
}

impl<'a> Line<'a> {
    fn new(scope: &'static str, test: Option<&'a TestCase>, held: &'a Held) -> Self {
        let (binary_id, name) = test.map(|test| (test.binary.id.as_str(), test.name.as_str())).unzip();
        let (value, origin) = (held.value.as_ref(), held.origin.into());
        Self {
            kind: "setting",
            schema: 1,
            scope,
            binary_id,
            name,
            filter: None,
            key: held.key,
            value,
            origin,
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Origin"))]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum LineOrigin {
    Flag { name: &'static str },
    HarnessArgument { name: &'static str },
    Variable { name: &'static str },
    File { file: String, line: usize },
    User { file: String, line: usize },
    Profile { profile: String, file: String, line: usize },
    Override { profile: String, file: String, line: usize },
    Default,
}

impl From<Origin> for LineOrigin {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Flag(name) => Self::Flag { name },
            Origin::HarnessArgument(name) => Self::HarnessArgument { name },
            Origin::Environment(name) => Self::Variable { name },
            Origin::File(_, Place { table: Table { file, part }, line }) => {
                let file = file.to_string_lossy().into_owned();
                match part.clone() {
                    Part::Whole => Self::File { file, line },
                    Part::User => Self::User { file, line },
                    Part::Profile(profile) => Self::Profile { profile, file, line },
                    Part::Override(profile) => Self::Override { profile, file, line },
                }
            }
            Origin::Default => Self::Default,
        }
    }
}
