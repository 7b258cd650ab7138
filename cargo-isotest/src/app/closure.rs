//! `cargo isotest closure`: shows the shared libraries of an executable as a tree or as JSON.

use crate::cli::MessageFormat;
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::report::OutputError;
use crate::sandboxes::roots::RootError;
use isotest_core::closure::{Closure, Files, Need};
use serde::Serialize;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Writes the closure of `program` to standard output.
///
/// # Errors
/// When `program` is not an ELF file, or standard output cannot be written.
pub(crate) fn show(program: &Path, format: MessageFormat, invocation: &Invocation) -> Result<End, Error> {
    let closure = Files::of_host().closure(program, invocation.variable("LD_LIBRARY_PATH"));
    let closure = closure
        .map_err(|source| RootError::Closure { program: program.to_owned(), source: Arc::new(source) })?;
    let mut to = io::stdout().lock();
    match format {
        MessageFormat::Human => tree(&closure, &mut to),
        MessageFormat::Json => json(&closure, &mut to),
    }
    .map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

/// Writes each object below the first one that needs it. The dependencies of an object are written once.
fn tree(closure: &Closure, to: &mut impl Write) -> io::Result<()> {
    let Some(program) = closure.objects.first() else { return Ok(()) };
    writeln!(to, "{}", program.path.display())?;
    if program.needs.is_empty() {
        writeln!(to, "└─ (statically linked: no loader, no libraries)")?;
    }
    let mut shown = vec![false; closure.objects.len()];
    branches(closure, 0, "", &mut shown, to)
}

fn branches(
    closure: &Closure,
    of: usize,
    indent: &str,
    shown: &mut [bool],
    to: &mut impl Write,
) -> io::Result<()> {
    shown[of] = true;
    let needs = &closure.objects[of].needs;
    for (n, need) in needs.iter().enumerate() {
        let (branch, below) = if n + 1 == needs.len() { ("└─", "   ") } else { ("├─", "│  ") };
        let name = need.name.display();
        let Some(found) = need.found else {
            writeln!(to, "{indent}{branch} {name} => not found")?;
            continue;
        };
        let object = &closure.objects[found];
        let again = shown[found] && !object.needs.is_empty();
        write!(to, "{indent}{branch} {name}")?;
        if object.path.as_os_str() != need.name {
            write!(to, " => {}", object.path.display())?;
        }
        writeln!(to, "{}", if again { " (above)" } else { "" })?;
        if !shown[found] {
            branches(closure, found, &format!("{indent}{below}"), shown, to)?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Closure"))]
struct Line<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "closure")))]
    kind: &'static str,
    schema: u32,
    objects: Vec<JsonObject<'a>>,
    missing: Vec<Missing<'a>>,
}

/// Makes the schema of the line of a program.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Line<'static>>()
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Object"))]
struct JsonObject<'a> {
    path: String,
    real_path: String,
    needs: Vec<JsonNeed<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Need"))]
struct JsonNeed<'a> {
    name: std::borrow::Cow<'a, str>,
    path: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Missing<'a> {
    name: std::borrow::Cow<'a, str>,
    needed_by: String,
}

fn json(closure: &Closure, to: &mut impl Write) -> io::Result<()> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let need = |need: &Need| need.found.map(|found| text(&closure.objects[found].path));
    let line = Line {
        kind: "closure",
        schema: 1,
        objects: closure
            .objects
            .iter()
            .map(|object| JsonObject {
                path: text(&object.path),
                real_path: text(&object.real),
                needs: object
                    .needs
                    .iter()
                    .map(|one| JsonNeed { name: one.name.to_string_lossy(), path: need(one) })
                    .collect(),
            })
            .collect(),
        missing: closure
            .missing()
            .map(|(user, name): (_, &OsStr)| Missing {
                name: name.to_string_lossy(),
                needed_by: text(&user.path),
            })
            .collect(),
    };
    serde_json::to_writer(&mut *to, &line)?;
    writeln!(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use isotest_core::closure::{Facts, Object};

    fn object(path: &str, needs: &[(&str, Option<usize>)]) -> Object {
        let need = |(name, found): &(&str, Option<usize>)| Need { name: name.into(), found: *found };
        Object {
            path: path.into(),
            real: path.into(),
            by_index: false,
            facts: Facts::default(),
            needs: needs.iter().map(need).collect(),
        }
    }

    fn closure() -> Closure {
        let objects = vec![
            object("/bin/p", &[("/lib/ld", Some(1)), ("a", Some(2)), ("b", Some(3)), ("c", None)]),
            object("/lib/ld", &[]),
            object("/lib/a", &[("b", Some(3))]),
            object("/lib/b", &[("ld", Some(1)), ("a", Some(2))]),
        ];
        Closure { objects, configuration: None }
    }

    #[test]
    fn what_is_needed_twice_is_taken_apart_once() {
        let mut text = Vec::new();
        tree(&closure(), &mut text).unwrap();
        let expected = "\
/bin/p
├─ /lib/ld
├─ a => /lib/a
│  └─ b => /lib/b
│     ├─ ld => /lib/ld
│     └─ a => /lib/a (above)
├─ b => /lib/b (above)
└─ c => not found
";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn json_names_who_misses_what() {
        let mut text = Vec::new();
        json(&closure(), &mut text).unwrap();
        let line: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(line["missing"], serde_json::json!([{ "name": "c", "needed_by": "/bin/p" }]));
        assert_eq!(line["objects"][2]["needs"], serde_json::json!([{ "name": "b", "path": "/lib/b" }]));
        assert_eq!(line["objects"].as_array().unwrap().len(), 4);
    }
}
