//! Pages of the manual, as they stand in the folder `docs` beside the sources; pure.

/// Page of the manual.
#[derive(Debug)]
pub(crate) struct Page {
    /// Name of the page on the command line.
    pub(crate) topic: &'static str,
    /// Text in Markdown, title first.
    pub(crate) text: &'static str,
}

impl Page {
    /// Returns the page named `topic`.
    pub(crate) fn about(topic: &str) -> Option<&'static Self> {
        PAGES.iter().find(|page| page.topic == topic)
    }

    /// Returns the title of the page.
    pub(crate) fn title(&self) -> &'static str {
        self.text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or(self.topic)
    }
}

/// Creates a list of the pages of these names.
macro_rules! pages {
    ($($topic:literal)*) => {
        &[$(Page { topic: $topic, text: include_str!(concat!("../docs/", $topic, ".md")) }),*]
    };
}

/// Pages in the order of the list: to use, to look up, to understand.
pub(crate) const PAGES: &[Page] = pages! {
    "filtersets"
    "scheduling"
    "limits"
    "configuration"
    "scripts"
    "keeping-writes"
    "budgets"
    "doctests"
    "exec"
    "roots"
    "isolation"
    "hosts"
    "ci"
    "machines"
    "figures"
    "results"
    "reports"
    "json"
    "explain"
    "troubleshooting"
    "from-nextest"
    "benchmarks"
    "stability"
    "glossary"
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_page_has_a_title_and_says_what_it_answers() {
        for page in PAGES {
            assert_ne!(page.title(), page.topic);
            assert!(page.text.contains("\n\nThis page "), "{}", page.topic);
        }
    }

    #[test]
    fn the_book_has_the_pages_in_this_order() {
        let summary = include_str!("../docs/SUMMARY.md");
        let links = summary.lines().filter_map(|line| line.strip_suffix(".md)")?.split_once("]("));
        assert_eq!(
            links.map(|(_, topic)| topic).collect::<Vec<_>>(),
            PAGES.iter().map(|page| page.topic).collect::<Vec<_>>()
        );
    }

    #[test]
    fn every_file_of_the_manual_is_a_page() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        let files =
            fs::read_dir(docs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let files: BTreeSet<String> = files.collect();
        let pages = PAGES.iter().map(|page| format!("{}.md", page.topic));
        assert_eq!(files, pages.chain(["SUMMARY.md".to_owned()]).collect());
    }
}
