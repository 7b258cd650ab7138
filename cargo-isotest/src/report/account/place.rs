//! Place in the sources that a panic names; pure.

/// Place in the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Path of the file, relative to the directory of the workspace.
    pub(crate) file: String,
    /// Line number, counted from 1.
    pub(crate) line: u32,
    /// Column number, counted from 1.
    pub(crate) column: u32,
}

impl Place {
    /// Finds the first place below the workspace at which a test says that it panicked.
    pub(super) fn said(text: &str, workspace: Option<&str>) -> Option<Self> {
        text.split(" panicked at ").skip(1).find_map(|rest| {
            // Up to Rust 1.72 the message came first.
            let line = rest.lines().next()?;
            let place = line.rsplit_once("', ").map_or(line, |(_, place)| place);
            Self::read(place.trim_end_matches(':'), workspace)
        })
    }

    fn read(text: &str, workspace: Option<&str>) -> Option<Self> {
        let (rest, column) = text.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        let within = workspace.filter(|workspace| !workspace.is_empty());
        let within = within.and_then(|workspace| file.strip_prefix(workspace)?.strip_prefix('/'));
        let file = within.unwrap_or(file);
        let is_below =
            !file.is_empty() && !file.starts_with('/') && !file.split('/').any(|part| part == "..");
        let place = Self { file: file.to_owned(), line: line.parse().ok()?, column: column.parse().ok()? };
        (is_below && !file.contains(char::is_control)).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        let place = Place::said(text, Some("/home/a/w"));
        place.map(|Place { file, line, column }| format!("{file} {line} {column}"))
    }

    #[test]
    fn the_first_place_in_the_workspace_counts() {
        for (text, place) in [
            ("thread 't' panicked at src/lib.rs:3:5:\nno\nnote: run", Some("src/lib.rs 3 5")),
            ("thread 't' (12) panicked at tests/a b.rs:30:15:\n", Some("tests/a b.rs 30 15")),
            ("thread 't' panicked at 'no, 'never'', src/lib.rs:3:5\n", Some("src/lib.rs 3 5")),
            ("thread 't' panicked at /home/a/w/x/src/lib.rs:3:5:\nno", Some("x/src/lib.rs 3 5")),
            (
                "x panicked at /rustc/0/library/core/src/cell.rs:9:9:\nb\ny panicked at src/b.rs:1:2:\n",
                Some("src/b.rs 1 2"),
            ),
            ("x panicked at ../other/src/lib.rs:3:5:\nno", None),
            ("x panicked at /home/a/wider/src/lib.rs:3:5:\nno", None),
            ("x panicked at src/lib.rs:a:5:\n", None),
            ("x panicked at ", None),
            ("Error: no", None),
        ] {
            assert_eq!(said(text).as_deref(), place, "{text:?}");
        }
    }
}
