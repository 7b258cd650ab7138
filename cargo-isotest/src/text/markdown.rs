//! Formats Markdown as text for a terminal: wrapped, with tables that fit; pure.

use super::style;
use console::measure_text_width;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::mem::take;
use textwrap::{WordSplitter, fill};

/// Indent of code blocks.
const OF_CODE: &str = "    ";
/// Number of columns between two cells of a row.
const GAP: usize = 2;
/// Minimum width of the last column of a table. A table with a narrower one is written as a list.
const LEAST_LAST: usize = 36;

/// Formats Markdown as text of `width` columns. Code is not wrapped.
pub(crate) fn rendered(markdown: &str, width: usize) -> String {
    let mut sheet = Sheet { width, ..Sheet::default() };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        sheet.take(event);
    }
    sheet.text.trim_end().to_owned() + "\n"
}

/// Written text, and the state of open elements.
#[derive(Default)]
struct Sheet {
    width: usize,
    text: String,
    /// Words of the open block.
    words: String,
    /// Destinations of the open links.
    links: Vec<String>,
    /// Markers of the open lists: the next number, if they are numbered.
    lists: Vec<Option<u64>>,
    /// Marker of the item whose first block is open.
    marker: String,
    is_code: bool,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(text) if self.is_code => self.code(&text),
            Event::Text(text) => self.words += &text,
            Event::Code(text) => self.words.extend(["`", &text, "`"]),
            Event::SoftBreak => self.words.push(' '),
            Event::HardBreak => self.words.push('\n'),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => {
                self.block();
                self.is_code = true;
            }
            Tag::List(number) => {
                self.block();
                self.lists.push(number);
            }
            Tag::Item => self.marker = self.next_marker(),
            Tag::Link { dest_url, .. } => self.links.push(dest_url.into_string()),
            Tag::Strong => self.words += &style::BOLD.render().to_string(),
            Tag::TableHead | Tag::TableRow => self.rows.push(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Heading(_) => {
                self.words = format!("{}{}{}", style::HEAD, self.words, style::HEAD.render_reset());
                self.block();
                self.gap();
            }
            TagEnd::Paragraph => {
                self.block();
                self.gap();
            }
            TagEnd::Item => self.block(),
            TagEnd::List(_) => {
                self.lists.pop();
                self.gap();
            }
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.gap();
            }
            TagEnd::Strong => self.words += &style::BOLD.render_reset().to_string(),
            TagEnd::Link => {
                let link = self.links.pop();
                self.words += &link.map(|link| target(&link)).unwrap_or_default();
            }
            TagEnd::TableCell => {
                let cell = take(&mut self.words);
                self.rows.last_mut().into_iter().for_each(|row| row.push(cell.clone()));
            }
            TagEnd::Table => {
                let rows = take(&mut self.rows);
                self.text += &table(&rows, self.width);
                self.gap();
            }
            _ => {}
        }
    }

    fn code(&mut self, text: &str) {
        let indent = " ".repeat(self.indent());
        for line in text.lines() {
            self.text += format!("{indent}{OF_CODE}{line}").trim_end();
            self.text.push('\n');
        }
    }

    /// Writes the open block.
    fn block(&mut self) {
        let words = take(&mut self.words);
        if words.is_empty() {
            return;
        }
        let indent = self.indent();
        let marker = take(&mut self.marker);
        let first = format!("{marker:>indent$}");
        self.text += &wrapped(&words, self.width, &first, &" ".repeat(indent));
    }

    /// Ends the text with an empty line.
    fn gap(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn next_marker(&mut self) -> String {
        match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "- ".to_owned(),
        }
    }

    /// Returns the width of the markers of the open lists.
    fn indent(&self) -> usize {
        self.lists.iter().map(|list| if list.is_some() { 3 } else { 2 }).sum()
    }
}

/// Returns the text that follows the words of a link: the name of another page, or the address, or the path of
/// another file.
fn target(link: &str) -> String {
    match link.split_once(".md") {
        Some((page, _)) if !page.contains('/') => format!(" (help {page})"),
        _ if link.contains("://") => format!(" ({link})"),
        // Pages are two directories below the top, from which paths are named.
        _ if link.contains('/') => format!(" ({})", link.trim_start_matches("../")),
        _ => String::new(),
    }
}

fn wrapped(text: &str, width: usize, first: &str, others: &str) -> String {
    let options = textwrap::Options::new(width.max(20))
        .initial_indent(first)
        .subsequent_indent(others)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    fill(text, options) + "\n"
}

/// Formats rows, of which the first is the head: as columns if the last one has room, else as a list.
fn table(rows: &[Vec<String>], width: usize) -> String {
    let Some((head, body)) = rows.split_first() else { return String::new() };
    let count = head.len();
    let widest =
        |n: usize| rows.iter().filter_map(|row| row.get(n)).map(|cell| measure_text_width(cell)).max();
    let widths: Vec<usize> = (0..count).map(|n| widest(n).unwrap_or_default()).collect();
    let before: usize = widths.iter().take(count.saturating_sub(1)).map(|width| width + GAP).sum();
    let last = widths.last().copied().unwrap_or_default();
    if before + last.min(LEAST_LAST) <= width {
        let heads = head.iter().any(|cell| !cell.is_empty()).then_some(head);
        return heads.into_iter().chain(body).map(|row| side_by_side(row, &widths, width)).collect();
    }
    body.iter().map(|row| one_below_the_other(head, row, width)).collect::<Vec<_>>().join("\n")
}

fn side_by_side(row: &[String], widths: &[usize], width: usize) -> String {
    let Some((last, cells)) = row.split_last() else { return String::new() };
    let mut first = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        first += cell;
        first += &" ".repeat(width - measure_text_width(cell) + GAP);
    }
    let others = " ".repeat(measure_text_width(&first));
    if last.is_empty() { first.trim_end().to_owned() + "\n" } else { wrapped(last, width, &first, &others) }
}

fn one_below_the_other(head: &[String], row: &[String], width: usize) -> String {
    let Some((name, cells)) = row.split_first() else { return String::new() };
    let mut text = wrapped(&format!("{}{name}{}", style::BOLD, style::BOLD.render_reset()), width, "", "  ");
    for (cell, head) in cells.iter().zip(head.iter().skip(1)).filter(|(cell, _)| !cell.is_empty()) {
        let cell = if row.len() == 2 || head.is_empty() { cell.clone() } else { format!("{head}: {cell}") };
        text += &wrapped(&cell, width, "  ", "  ");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(markdown: &str, width: usize) -> String {
        console::strip_ansi_codes(&rendered(markdown, width)).into_owned()
    }

    #[test]
    fn words_are_wrapped_and_code_is_not() {
        let page = "# Title\n\nOne two three [four](five.md#six) and\n`seven`.\n\n```sh\na  long line of code  # here\n```\n\n- an item\n  of a list\n\n  and more\n- another\n";
        let expected = "Title\n\nOne two three four\n(help five) and\n`seven`.\n\n    a  long line of code  # here\n\n- an item of a list\n\n  and more\n\n- another\n";
        assert_eq!(plain(page, 20), expected);
    }

    #[test]
    fn a_link_says_where_it_leads() {
        let page = "[a](../../ci/b.md#c), [d](https://e.example/f), [g](#h)\n";
        assert_eq!(plain(page, 80), "a (ci/b.md#c), d (https://e.example/f), g\n");
    }

    #[test]
    fn a_table_is_side_by_side_where_there_is_room() {
        let page = "| key | value |\n|---|---|\n| a | some words |\n| long | others |\n";
        assert_eq!(plain(page, 40), "key   value\na     some words\nlong  others\n");
        let page = format!(
            "| | what | why |\n|---|---|---|\n| a name | {0} | {0} |\n| b | c | |\n",
            "word ".repeat(6).trim_end()
        );
        let expected = "a name\n  what: word word\n  word word word word\n  why: word word word\n  word word word\n\nb\n  what: c\n";
        assert_eq!(plain(&page, 21), expected);
    }
}
