//! Text and JSON of a diagnosis.

use super::diagnosis::{Condition, Diagnosis};
use crate::app::seen::Seen;
use crate::known_crates::Known;
use crate::remedy::Remedy;
use crate::text::sanitize::word;
use crate::text::style::{BAD, GOOD, HEAD, NOTE, WARN, headed};
use anstream::{AutoStream, ColorChoice};
use isotest_core::host::surroundings::Surroundings;
use isotest_core::policy::Capability;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

/// Indent to the text of a line, right of the status column.
const INDENT: &str = "             ";

/// Opens standard output with `color`.
pub(super) fn stdout(color: ColorChoice) -> AutoStream<io::Stdout> {
    AutoStream::new(io::stdout(), color)
}

/// Formats one line per capability, then remedies and verdict.
pub(super) fn human(diagnosis: &Diagnosis) -> String {
    let mut text = headed(HEAD, "Host", &host(diagnosis));
    for (capability, condition) in &diagnosis.conditions {
        text += &match condition {
            Condition::Ok(None) => headed(GOOD, "ok", capability.as_str()),
            Condition::Ok(Some(source)) => headed(GOOD, "ok", &format!("{capability} ({source})")),
            Condition::Degraded(reason) => {
                headed(WARN, "degraded", &format!("{capability}: {}", word(reason)))
            }
            Condition::Missing(reason) => headed(BAD, "missing", &format!("{capability}: {}", word(reason))),
            Condition::Off => headed(NOTE, "off", capability.as_str()),
        };
    }
    text += &remedies(&diagnosis.remedies);
    if let Some(seen) = &diagnosis.project {
        text += &project(seen);
    }
    let (style, verdict) = if diagnosis.met {
        (GOOD, "tests can run here")
    } else {
        (BAD, "tests cannot run here: a required capability is missing")
    };
    text + &headed(style, "Verdict", verdict)
}

/// Formats the known facts about the tests of a project.
fn project(seen: &Seen) -> String {
    let known = seen.known();
    if known.is_empty() {
        return headed(NOTE, "Project", "nothing is known of its dependencies that differs here");
    }
    known.into_iter().map(|(known, names)| headed(NOTE, "Project", &seen.said(known, &names))).collect()
}

/// Formats remedies, each with its commands below it.
pub(crate) fn remedies(remedies: &[Remedy]) -> String {
    let mut text = String::new();
    for Remedy { serves, why, commands } in remedies {
        let names: Vec<_> = serves.iter().map(|capability| capability.as_str()).collect();
        text += &headed(HEAD, "Remedy", &format!("for {}: {}", names.join(", "), word(why)));
        text.extend(commands.iter().map(|command| format!("{INDENT}{}\n", word(command))));
    }
    text
}

fn host(diagnosis: &Diagnosis) -> String {
    let Surroundings { kernel, uid, container, wsl, seccomp, masked_proc, .. } = &diagnosis.surroundings;
    let mut facts = vec![format!("Linux {kernel}")];
    facts.push(if *uid == 0 { "root".to_owned() } else { format!("user {uid}") });
    facts.push(diagnosis.cgroup_layout.map_or("no cgroup".to_owned(), |layout| format!("cgroup {layout}")));
    facts.extend(container.as_ref().map(|name| format!("container ({name})")));
    facts.extend(wsl.then(|| "WSL".to_owned()));
    facts.extend(seccomp.then(|| "seccomp filter".to_owned()));
    facts.extend((!masked_proc.is_empty()).then(|| "masked /proc".to_owned()));
    facts.join(" · ")
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Diagnosis"))]
struct Line<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "doctor")))]
    kind: &'static str,
    schema: u32,
    host: HostFields<'a>,
    #[cfg_attr(test, schemars(schema_with = "capabilities"))]
    capabilities: Conditions<'a>,
    remedies: Vec<RemedyFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Vec<KnownFields<'a>>>,
    can_execute: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Host"))]
struct HostFields<'a> {
    kernel: &'a str,
    uid: u32,
    cgroup_layout: Option<&'static str>,
    container: Option<&'a str>,
    wsl: bool,
    seccomp: bool,
    masked_proc: &'a [PathBuf],
    apparmor: Option<&'a str>,
    systemd: bool,
    #[serde(serialize_with = "as_map")]
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, String>"))]
    settings: &'a [(&'static str, String)],
}

fn as_map<S: Serializer>(settings: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|(name, value)| (name, value)))
}

/// JSON object with one member for each capability, in the order of the report.
struct Conditions<'a>(&'a [(Capability, Condition)]);

impl Serialize for Conditions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0.iter().map(|(capability, found)| (capability.as_str(), ConditionFields::new(found))),
        )
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Condition"))]
#[serde(tag = "state", rename_all = "kebab-case")]
enum ConditionFields<'a> {
    Ok {
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<&'static str>,
    },
    Degraded {
        reason: &'a str,
    },
    Missing {
        reason: &'a str,
    },
    Off,
}

/// Makes the schema of the line of a host.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Line<'static>>()
}

/// Makes the schema of the condition of each capability.
#[cfg(test)]
fn capabilities(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let condition = generator.subschema_for::<ConditionFields<'static>>();
    let names = Capability::ALL.map(Capability::as_str);
    let members: std::collections::BTreeMap<_, _> = names.iter().map(|name| (name, &condition)).collect();
    schemars::json_schema!({"type": "object", "required": names, "properties": members})
}

impl<'a> ConditionFields<'a> {
    fn new(condition: &'a Condition) -> Self {
        match condition {
            Condition::Ok(source) => Self::Ok { source: *source },
            Condition::Degraded(reason) => Self::Degraded { reason },
            Condition::Missing(reason) => Self::Missing { reason },
            Condition::Off => Self::Off,
        }
    }
}

/// JSON of the known facts about crates of one kind on which a project depends.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "KnownCrates"))]
struct KnownFields<'a> {
    crates: Vec<&'a str>,
    packages: BTreeSet<&'a str>,
    says: &'static str,
    page: &'static str,
}

impl<'a> KnownFields<'a> {
    fn of(seen: &'a Seen) -> Vec<Self> {
        let fields = |(known, crates): (&Known, Vec<&'a str>)| Self {
            packages: seen.packages(&crates),
            crates,
            says: known.says,
            page: known.page,
        };
        seen.known().into_iter().map(fields).collect()
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Remedy"))]
struct RemedyFields<'a> {
    #[serde(rename = "for")]
    serves: Vec<&'static str>,
    why: &'a str,
    commands: &'a [String],
}

impl<'a> RemedyFields<'a> {
    fn new(remedy: &'a Remedy) -> Self {
        let Remedy { serves, why, commands } = remedy;
        Self { serves: serves.iter().copied().map(Capability::as_str).collect(), why, commands }
    }
}

/// Writes the diagnosis as one JSON object on one line.
///
/// # Errors
/// When `to` cannot be written.
pub(super) fn json(diagnosis: &Diagnosis, mut to: impl Write) -> io::Result<()> {
    let found = &diagnosis.surroundings;
    let line = Line {
        kind: "doctor",
        schema: 1,
        host: HostFields {
            kernel: &found.kernel,
            uid: found.uid,
            cgroup_layout: diagnosis.cgroup_layout,
            container: found.container.as_deref(),
            wsl: found.wsl,
            seccomp: found.seccomp,
            masked_proc: &found.masked_proc,
            apparmor: found.apparmor.as_deref(),
            systemd: found.systemd,
            settings: &found.settings,
        },
        capabilities: Conditions(&diagnosis.conditions),
        remedies: diagnosis.remedies.iter().map(RemedyFields::new).collect(),
        project: diagnosis.project.as_ref().map(KnownFields::of),
        can_execute: diagnosis.met,
    };
    serde_json::to_writer(&mut to, &line)?;
    writeln!(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, file};

    fn seen() -> Seen {
        let of = |name: &str| (name.to_owned(), ["tour".to_owned()].into());
        Seen { crates: [of("insta"), of("redis"), of("serde")].into(), has_nextest: false }
    }

    fn diagnosis(met: bool) -> Diagnosis {
        let condition = |capability: Capability| match capability {
            Capability::Memory => Condition::Ok(Some("memory.peak")),
            Capability::Pids => Condition::Degraded("sampled from `pids.current`, approximate".to_owned()),
            Capability::Io => Condition::Missing("no io controller".to_owned()),
            Capability::Pressure => Condition::Off,
            Capability::User if !met => Condition::Missing("Operation not permitted (os error 1)".to_owned()),
            _ => Condition::Ok(None),
        };
        let remedy = Remedy {
            serves: vec![Capability::Io, Capability::Pids],
            why: "the cgroup of this shell has no controllers: run the tests in a delegated one".to_owned(),
            commands: vec!["systemd-run --user --scope -p Delegate=yes cargo isotest".to_owned()],
        };
        let surroundings = Surroundings {
            kernel: "6.1.0".to_owned(),
            uid: 1000,
            gid: 1000,
            container: Some("docker".to_owned()),
            wsl: true,
            seccomp: true,
            can_administer: false,
            no_new_privs: false,
            masked_proc: vec!["/proc/kcore".into()],
            settings: Vec::new(),
            apparmor: None,
            systemd: true,
            user_manager: true,
            program: "/usr/bin/cargo-isotest".into(),
        };
        let conditions = Capability::ALL.map(|capability| (capability, condition(capability))).to_vec();
        Diagnosis {
            surroundings,
            cgroup_layout: Some("v2"),
            conditions,
            remedies: vec![remedy],
            met,
            project: met.then(seen),
        }
    }

    #[test]
    fn each_condition_and_remedy_is_shown() {
        let shown = [true, false].map(|met| human(&diagnosis(met)));
        assert_data_eq!(anstream::adapter::strip_str(&shown.concat()).to_string(), file!["text.txt"].raw());
    }
}
