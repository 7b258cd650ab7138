//! `cargo isotest evidence`: lists the files that tests left, or copies them into the workspace.

use crate::cargo::build::Workspace;
use crate::cli::{EvidenceAction, EvidenceArgs, MessageFormat};
use crate::error::Error;
use crate::evidence::{Evidence, EvidenceError, Fate, Kept, Store, Tree};
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::report::OutputError;
use crate::settings::Said;
use crate::text::sanitize::word;
use crate::text::style::{GOOD, NOTE, WARN, headed};
use crate::text::units::plural;
use bytesize::ByteSize;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Schema version of the JSON. Fields may be added without a new version.
const SCHEMA: u32 = 1;
const NOTHING: &str = "No test has left evidence.\n";

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "KeptEvidence"))]
struct Line<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "evidence")))]
    kind: &'static str,
    schema: u32,
    binary_id: &'a str,
    name: &'a str,
    path: &'a str,
    file: String,
    tool: Option<&'static str>,
    bytes: u64,
    state: &'static str,
    reason: Option<&'a str>,
}

/// Makes the schema of the line of a file.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Line<'static>>()
}

/// Lists or copies the evidence of a project's tests.
///
/// # Errors
/// When there is no project or no evidence of that name, a file is not copied, or standard output cannot be written.
pub(crate) fn execute(args: &EvidenceArgs, said: Said, invocation: &Invocation) -> Result<End, Error> {
    let directories = Workspace::read(&said.cargo, invocation)?.directories();
    let format: MessageFormat = said.settings()?.message_format.value.into();
    if !directories.target.exists() {
        return tell(NOTHING);
    }
    let store = Store::open(&directories.workspace, &directories.target)?;
    let all = store.all();
    let chosen: Vec<_> = all
        .iter()
        .flat_map(|evidence| evidence.files.iter().map(move |kept| (evidence, kept)))
        .filter(|(evidence, kept)| is_meant(&args.filters, evidence, kept))
        .collect();
    if chosen.is_empty() && !all.is_empty() {
        return Err(EvidenceError::NoneNamed(args.filters.clone()).into());
    }
    let told = match args.action.unwrap_or_default() {
        EvidenceAction::List if format == MessageFormat::Json => as_json(&store, &chosen)?,
        EvidenceAction::List => listed(&store, &chosen),
        EvidenceAction::Apply => return apply(&store, &chosen),
    };
    tell(&told)
}

fn tell(text: &str) -> Result<End, Error> {
    anstream::stdout().write_all(text.as_bytes()).map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

fn is_meant(filters: &[String], evidence: &Evidence, kept: &Kept) -> bool {
    let title = title(evidence);
    filters.is_empty() || filters.iter().any(|text| title.contains(text) || kept.path.contains(text))
}

fn title(evidence: &Evidence) -> String {
    format!("{} {}", evidence.binary_id, evidence.name)
}

fn as_json(store: &Store, chosen: &[(&Evidence, &Kept)]) -> Result<String, OutputError> {
    let mut text = String::new();
    for (evidence, kept) in chosen {
        let (fate, _) = Tree(store).fate(evidence, kept);
        let (state, reason) = match &fate {
            Fate::New => ("new", None),
            Fate::Replaces => ("replaces", None),
            Fate::Adds => ("adds", None),
            Fate::Same => ("same", None),
            Fate::Refused(why) => ("refused", Some(why.as_str())),
        };
        let line = Line {
            kind: "evidence",
            schema: SCHEMA,
            binary_id: &evidence.binary_id,
            name: &evidence.name,
            path: &kept.path,
            file: store.path_of(evidence, kept).to_string_lossy().into_owned(),
            tool: Tree::tool(kept),
            bytes: kept.bytes,
            state,
            reason,
        };
        text +=
            &serde_json::to_string(&line).map_err(|error| OutputError::Stream(io::Error::other(error)))?;
        text.push('\n');
    }
    Ok(text)
}

fn listed(store: &Store, chosen: &[(&Evidence, &Kept)]) -> String {
    if chosen.is_empty() {
        return NOTHING.to_owned();
    }
    let mut text = String::new();
    let mut before = None;
    for (evidence, kept) in chosen {
        if before != Some(*evidence) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", word(&title(evidence)));
            before = Some(*evidence);
        }
        let tool = Tree::tool(kept).unwrap_or("-");
        let size = ByteSize::b(kept.bytes).display().iec().to_string();
        let (fate, path) = Tree(store).fate(evidence, kept);
        let path = word(&path.to_string_lossy());
        let _ = writeln!(text, "  {tool:9} {size:>9}  {path}  {}", state(&fate));
    }
    let tests: BTreeSet<_> = chosen.iter().map(|(evidence, _)| title(evidence)).collect();
    let files = plural(chosen.len(), "file");
    let tests = plural(tests.len(), "test");
    let place = word(&store.path.to_string_lossy());
    text + &format!("{files} of {tests} in `{place}`; `cargo isotest evidence apply` copies what is new\n")
}

fn state(fate: &Fate) -> String {
    match fate {
        Fate::New => "(new)".to_owned(),
        Fate::Replaces => "(replaces the file in the workspace)".to_owned(),
        Fate::Adds => "(adds lines to the file in the workspace)".to_owned(),
        Fate::Same => "(in the workspace already)".to_owned(),
        Fate::Refused(why) => format!("(not copied: {})", word(why)),
    }
}

/// Copies files into the workspace and reports the fate of each.
fn apply(store: &Store, chosen: &[(&Evidence, &Kept)]) -> Result<End, Error> {
    let mut refused = Vec::new();
    let mut stdout = anstream::stdout();
    for (evidence, kept) in chosen {
        let (fate, path) = Tree(store).apply(evidence, kept);
        let path = word(&path.to_string_lossy());
        let told = match &fate {
            Fate::New => headed(GOOD, "Copied", &path),
            Fate::Replaces => headed(GOOD, "Replaced", &path),
            Fate::Adds => headed(GOOD, "Added to", &path),
            Fate::Same => headed(NOTE, "Unchanged", &path),
            Fate::Refused(why) => {
                refused.push(format!("`{path}` of `{}`: {why}", word(&title(evidence))));
                headed(WARN, "Not copied", &format!("{path}: {}", word(why)))
            }
        };
        stdout.write_all(told.as_bytes()).map_err(OutputError::Stream)?;
    }
    if chosen.is_empty() {
        stdout.write_all(listed(store, chosen).as_bytes()).map_err(OutputError::Stream)?;
    }
    if refused.is_empty() { Ok(End::Exit(Exit::Ok)) } else { Err(EvidenceError::Refused(refused).into()) }
}
