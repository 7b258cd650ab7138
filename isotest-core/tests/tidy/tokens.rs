//! Rust source text taken apart into words and marks, without comments and literals.

/// A word or a mark, and the line it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// What a [`Token`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword, or a number.
    Word(String),
    /// `::`.
    Path,
    /// Any other character.
    Mark(char),
}

impl Token {
    /// The identifier or keyword, if the token is one.
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            Kind::Path | Kind::Mark(_) => None,
        }
    }

    /// Whether the token is the character `mark`.
    pub(crate) fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// Takes `text` apart. A string that names a path of the crate, as attributes of derive macros have it, counts as that path.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { rest: text, line: 1, tokens: Vec::new() };
    while reader.take_one() {}
    reader.tokens
}

struct Reader<'text> {
    rest: &'text str,
    line: usize,
    tokens: Vec<Token>,
}

impl<'text> Reader<'text> {
    /// Takes the next piece of the text; `false` at its end.
    fn take_one(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if let Some(raw) = raw_string(self.rest) {
            self.skip(raw);
        } else if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment(self.rest));
        } else if first == '"' {
            self.take_string();
        } else if first == '\'' {
            self.skip(quoted_character(self.rest));
        } else if self.rest.starts_with("::") {
            self.push(Kind::Path);
            self.skip(2);
        } else if is_word(first) {
            let word = self.rest.split(|c| !is_word(c)).next().unwrap_or_default();
            self.push(Kind::Word(word.to_owned()));
            self.skip(word.len());
        } else {
            if !first.is_whitespace() {
                self.push(Kind::Mark(first));
            }
            self.skip(first.len_utf8());
        }
        true
    }

    fn take_string(&mut self) {
        let length = string(self.rest);
        let content = self.rest.get(1..length.saturating_sub(1)).unwrap_or_default();
        if content.starts_with("crate::") {
            let line = self.line;
            self.tokens.extend(tokens(content).into_iter().map(|token| Token { line, ..token }));
        } else {
            self.push(Kind::Mark('"'));
        }
        self.skip(length);
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, line: self.line });
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest): (&'text str, _) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the raw string that `text` begins with, or of the prefix of a raw identifier or another string.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c"]
        .into_iter()
        .find(|prefix| text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['"', '#', '\''])))?;
    let rest = text.get(prefix.len()..)?;
    if !prefix.ends_with('r') {
        return rest.starts_with(['"', '\'']).then_some(prefix.len());
    }
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let opened = prefix.len() + hashes + 1;
    if !rest.get(hashes..)?.starts_with('"') {
        return (hashes == 1).then_some(opened - 1);
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let length = text.get(opened..)?.find(&end)?;
    Some(opened + length + end.len())
}

/// The length of the string that `text` begins with.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == '"' && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

/// The length of the comment that `text` begins with; such comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the character that `text` begins with, or of the quote of a lifetime.
fn quoted_character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            text.get(from..).and_then(|rest| rest.find('\'')).map_or(text.len(), |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).iter().filter_map(Token::word).map(str::to_owned).collect()
    }

    #[test]
    fn comments_and_literals_have_no_words() {
        let text = r##"
            // one
            /// two
            a /* three /* four */ five */ b "six \" seven" c r#"eight " nine"# d 'x' e '\'' f b"ten" g br"el" h
            'life i "\\" j '"' k
        "##;
        assert_eq!(words(text), ["a", "b", "c", "d", "e", "f", "g", "h", "life", "i", "j", "k"]);
    }

    #[test]
    fn a_raw_identifier_is_a_word() {
        assert_eq!(words("r#type r b"), ["type", "r", "b"]);
    }

    #[test]
    fn a_path_in_an_attribute_counts() {
        assert_eq!(
            words(r#"#[serde(with = "crate::wire::path")]"#),
            ["serde", "with", "crate", "wire", "path"]
        );
    }

    #[test]
    fn lines_are_counted_through_everything_that_spans_some() {
        let lines: Vec<_> = tokens("a /*\n*/ b \"\n\n\" c\n::d").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 2, 4, 5, 5]);
    }
}
