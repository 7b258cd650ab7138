//! What could have been meant by an unknown name; pure.

use crate::text::nearest::nearest;

/// Names of cargo-nextest's configuration for what has another name here.
const ELSEWHERE: [(&str, &str); 2] = [("test-threads", "jobs"), ("leak-timeout", "fail-on-leak")];

/// Returns the name here of what has this one in cargo-nextest's configuration.
pub(crate) fn elsewhere(name: &str) -> Option<&'static str> {
    let spelled = name.to_lowercase().replace('_', "-");
    ELSEWHERE.iter().find(|(other, _)| *other == spelled).map(|(_, here)| *here)
}

/// Suggests the nearest of the known names, or names all of them.
pub(crate) fn suggestion(name: &str, known: impl IntoIterator<Item = impl Into<String>>) -> String {
    let known: Vec<String> = known.into_iter().map(Into::into).collect();
    let spelled = name.to_lowercase().replace('_', "-");
    let elsewhere = elsewhere(name).filter(|here| known.iter().any(|known| known == here));
    let nearest = nearest(&spelled, known.iter().map(String::as_str));
    match elsewhere.or(nearest) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_or_all_are_named() {
        let known = ["jobs", "memory-limit", "timeout"];
        for (name, expected) in [
            ("memroy-limit", "did you mean `memory-limit`?"),
            ("memory_limit", "did you mean `memory-limit`?"),
            ("Timeout", "did you mean `timeout`?"),
            ("test-threads", "did you mean `jobs`?"),
            ("gravity", "known: jobs, memory-limit, timeout"),
        ] {
            assert_eq!(suggestion(name, known), expected);
        }
    }
}
