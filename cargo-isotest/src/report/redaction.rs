//! Secrets in reports: values that are in no file that a run writes, although tests print them; pure.

use serde_json::Value;

/// Text that replaces a secret.
const INSTEAD: &str = "***";
/// Least length of a secret in bytes: a shorter value is part of too much else.
const SHORTEST: usize = 4;
/// Least length in bytes of a line of a value of several lines that is a secret by itself: output may be cut between
/// lines.
const SHORTEST_LINE: usize = 8;

/// Members whose values are words of the format.
const OF_FORMAT: [&str; 10] =
    ["type", "event", "outcome", "effect", "state", "started_at", "run_id", "metric", "unit", "moment"];

/// Secrets of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redaction {
    /// Secrets, the longest first: one may be part of another.
    secrets: Vec<String>,
    /// Secrets as they are written in JSON.
    escaped: Vec<String>,
}

impl Redaction {
    /// Takes the values of variables for secrets. Returns the names of the variables whose values are too short for
    /// that, too.
    pub(crate) fn new(variables: impl IntoIterator<Item = (String, String)>) -> (Self, Vec<String>) {
        let (mut secrets, mut short) = (Vec::new(), Vec::new());
        for (name, value) in variables {
            let value = value.trim();
            if value.len() < SHORTEST {
                if !value.is_empty() {
                    short.push(name);
                }
                continue;
            }
            let lines = value.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE);
            secrets.extend(lines.chain([value]).map(str::to_owned));
        }
        secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        secrets.dedup();
        let escaped = secrets.iter().map(|secret| Value::from(secret.as_str()).to_string());
        let escaped = escaped.map(|text| text.trim_matches('"').to_owned()).collect();
        (Self { secrets, escaped }, short)
    }

    /// Returns a line of JSON without the secrets.
    ///
    /// # Errors
    /// When the line is no JSON.
    pub(super) fn line(&self, line: String) -> serde_json::Result<String> {
        if !self.escaped.iter().any(|secret| line.contains(secret)) {
            return Ok(line);
        }
        let mut value = serde_json::from_str(&line)?;
        self.value(&mut value);
        serde_json::to_string(&value)
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for secret in self.secrets.iter().filter(|secret| text.contains(*secret)).collect::<Vec<_>>()
                {
                    *text = text.replace(secret, INSTEAD);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => {
                let members = members.iter_mut().filter(|(name, _)| !is_of_format(name));
                members.for_each(|(_, member)| self.value(member));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn is_of_format(name: &str) -> bool {
    OF_FORMAT.contains(&name) || name.ends_with("_source")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(values: &[&str]) -> Redaction {
        let variables = values.iter().map(|value| ("A".to_owned(), (*value).to_owned()));
        Redaction::new(variables).0
    }

    #[test]
    fn a_secret_is_replaced_wherever_a_text_has_it_and_no_word_of_the_format_is() {
        let line = r#"{"type":"passed","name":"passed hunter22","usage":{"a_source":"hunter2"},"list":["x \"hunter22\n"],"n":7777}"#;
        let told =
            redaction(&["hunter2", "hunter22", "passed", "7777", "usage"]).line(line.to_owned()).unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        let expected = serde_json::json!({
            "type": "passed", "name": "*** ***", "usage": {"a_source": "hunter2"}, "list": ["x \"***\n"], "n": 7777,
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn a_secret_of_several_lines_is_one_in_each_of_them() {
        let key = "-----BEGIN-----\nMIIEvQ\"IBADAN\nxy\n-----END-----\n";
        let line = |text: &str| serde_json::json!({"stdout": text}).to_string();
        let told = |text: &str| redaction(&[key]).line(line(text)).unwrap();
        assert_eq!(told(&format!("a {key}")), line("a ***\n"));
        assert_eq!(told("cut: MIIEvQ\"IBADAN"), line("cut: ***"));
        assert_eq!(told("xy"), line("xy"));
    }

    #[test]
    fn what_is_too_short_is_told_and_what_is_not_set_is_not() {
        let variables = [("A", "abc"), ("B", ""), ("C", "long enough")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (redaction, short) = Redaction::new(variables);
        assert_eq!((redaction.secrets, short), (vec!["long enough".to_owned()], vec!["A".to_owned()]));
    }
}
