//! Lists the first of many, in a sentence. Pure.

use std::path::PathBuf;

/// Returns ` and 2 more`, and nothing for none.
pub fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" and {more} more") }
}

/// Lists paths, as `` `/a`, `/b` and 2 more ``, with at most so many of them named.
pub fn paths(paths: &[PathBuf], most: usize) -> String {
    let names: Vec<_> = paths.iter().take(most).map(|path| format!("`{}`", path.display())).collect();
    names.join(", ") + &and_more(paths.len() - names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_not_named_are_counted() {
        let all = ["/a", "/b", "/c"].map(PathBuf::from);
        assert_eq!(paths(&all, 2), "`/a`, `/b` and 1 more");
        assert_eq!(paths(&all, 3), "`/a`, `/b`, `/c`");
        assert_eq!(paths(&[], 3), "");
    }
}
