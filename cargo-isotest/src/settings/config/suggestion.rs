//! Suggests known names for an unknown name; pure.

use crate::text::nearest::nearest;

/// Names of settings in cargo-nextest's configuration that have another name here, with that name.
const ELSEWHERE: [(&str, &str); 1] = [("test-threads", "jobs")];

/// Returns the name of the setting here that has the given name in cargo-nextest's configuration.
pub(crate) fn elsewhere(name: &str) -> Option<&'static str> {
    let spelled = name.to_lowercase().replace('_', "-");
    ELSEWHERE.iter().find(|(other, _)| *other == spelled).map(|(_, here)| *here)
}

/// Number of known names up to which all are listed if none is near; of more names, only the nearest are listed.
const MOST: usize = 10;
const FEW: usize = 3;

/// Suggests the nearest of the known names, or lists names if none is near.
pub(crate) fn suggestion(name: &str, known: impl IntoIterator<Item = impl Into<String>>) -> String {
    let known: Vec<String> = known.into_iter().map(Into::into).collect();
    let spelled = name.to_lowercase().replace('_', "-");
    let elsewhere = elsewhere(name).filter(|here| known.iter().any(|known| known == here));
    let nearest = nearest(&spelled, known.iter().map(String::as_str));
    match elsewhere.or(nearest) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.len() <= MOST => format!("known: {}", known.join(", ")),
        None => {
            let mut known = known;
            known.sort_by(|one, other| likeness(&spelled, other).total_cmp(&likeness(&spelled, one)));
            let more = known.split_off(FEW).len();
            format!("the nearest of those known are {}, and there are {more} more", known.join(", "))
        }
    }
}

fn likeness(name: &str, known: &str) -> f64 {
    strsim::jaro_winkler(name, known)
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
        let many = ('a'..='m').map(|letter| format!("{letter}-key"));
        let told = "the nearest of those known are a-key, b-key, c-key, and there are 10 more";
        assert_eq!(suggestion("a-lock", many), told);
    }
}
