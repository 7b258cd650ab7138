//! Finds the known name that is most like an unknown one; pure.

/// Returns the known name that differs least from `name`, if the difference is small enough for a typing error.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |known: &str| strsim::osa_distance(&name, &known.to_lowercase());
    let all = known.into_iter().map(|known| (distance(known), known));
    let (distance, found) = all.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.chars().count() / 5).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["list", "shell", "doctor"];
        for (name, expected) in [
            ("shel", Some("shell")),
            ("shelll", Some("shell")),
            ("docotr", Some("doctor")),
            ("LIST", Some("list")),
            ("parser", None),
            ("rust", None),
            ("shelf", Some("shell")),
            ("closest", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest("list", []), None);
    }
}
