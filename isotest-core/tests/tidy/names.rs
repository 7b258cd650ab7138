//! What a source file names: its imports and the paths in its code, except in what is compiled for tests only.

use super::tokens::{Kind, Token, tokens};
use std::collections::BTreeSet;

/// A module by the names on the way to it, from the root of its crate.
pub(crate) type ModulePath = Vec<String>;

/// A path that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The module it is named in.
    pub(crate) from: ModulePath,
    /// The path as it is written.
    pub(crate) path: Vec<String>,
    /// The line of its last name.
    pub(crate) line: usize,
    /// For an import: the name it goes by from there on, `*` for all names.
    pub(crate) import: Option<String>,
    /// Whether it is an import for others, too.
    pub(crate) is_reexport: bool,
}

/// All that a file names and declares.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) named: Vec<Named>,
    /// The words of its code apart from imports.
    pub(crate) words: BTreeSet<String>,
    /// The items it declares.
    pub(crate) items: BTreeSet<String>,
    /// The modules written out in it.
    pub(crate) inline: Vec<ModulePath>,
    /// The modules that are compiled for tests only.
    pub(crate) for_tests: Vec<ModulePath>,
}

/// Reads the text of the file that is `module`.
pub(crate) fn read(module: &[String], text: &str) -> Names {
    let mut reader = Reader {
        tokens: tokens(text),
        at: 0,
        module: module.to_vec(),
        braces: Vec::new(),
        names: Names::default(),
    };
    while reader.at < reader.tokens.len() {
        reader.read_one();
    }
    reader.names
}

const ITEMS: [&str; 7] = ["fn", "struct", "enum", "trait", "const", "static", "type"];

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    module: ModulePath,
    /// Whether each open brace opened a module.
    braces: Vec<bool>,
    names: Names,
}

impl Reader {
    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn is(&self, ahead: usize, mark: char) -> bool {
        self.token(ahead).is_some_and(|token| token.is(mark))
    }

    fn word(&self, ahead: usize) -> Option<&str> {
        self.token(ahead)?.word()
    }

    fn read_one(&mut self) {
        if self.is(0, '#') && self.is(1, '[') && self.is_for_tests() {
            self.skip_item();
        } else if self.is(0, '{') {
            self.braces.push(false);
            self.at += 1;
        } else if self.is(0, '}') {
            if self.braces.pop() == Some(true) {
                self.module.pop();
            }
            self.at += 1;
        } else {
            match self.word(0) {
                Some("pub") if self.is(1, '(') => self.skip_visibility(),
                Some("use") if !self.is(1, '<') => self.read_import(),
                Some("mod") => self.read_module(),
                Some(_) => self.read_path(),
                None => self.at += 1,
            }
        }
    }

    /// Skips `pub(…)`: who may see an item is not what it needs.
    fn skip_visibility(&mut self) {
        while !self.is(0, ')') && self.at < self.tokens.len() {
            self.at += 1;
        }
        self.at += 1;
    }

    /// Whether the attribute here leaves its item to tests.
    fn is_for_tests(&self) -> bool {
        let words: Vec<&str> = self.attribute().iter().filter_map(Token::word).collect();
        words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not")
    }

    fn attribute(&self) -> &[Token] {
        let rest = self.tokens.get(self.at + 1..).unwrap_or_default();
        rest.get(..closing(rest)).unwrap_or_default()
    }

    /// Skips an item with its attributes.
    fn skip_item(&mut self) {
        while self.is(0, '#') && self.is(1, '[') {
            self.at += self.attribute().len() + 2;
        }
        let is_item = self.word(0).is_some_and(|word| {
            ITEMS.contains(&word) || ["pub", "mod", "use", "impl", "unsafe", "extern"].contains(&word)
        });
        let mut is_module = false;
        while let Some(token) = self.token(0).cloned() {
            if token.is('}') {
                return;
            }
            if token.is('{') || token.is('(') || token.is('[') {
                let rest = self.tokens.get(self.at..).unwrap_or_default();
                self.at += closing(rest) + 1;
                if token.is('{') {
                    return;
                }
                continue;
            }
            if is_module && let Some(name) = token.word() {
                self.names.for_tests.push(below(&self.module, name));
            }
            is_module = token.word() == Some("mod");
            self.at += 1;
            if token.is(';') || (token.is(',') && !is_item) {
                return;
            }
        }
    }

    fn read_module(&mut self) {
        let Some(name) = self.word(1).map(str::to_owned) else {
            self.at += 1;
            return;
        };
        if self.is(2, '{') {
            self.module.push(name);
            self.names.inline.push(self.module.clone());
            self.braces.push(true);
        }
        self.at += 3;
    }

    fn read_import(&mut self) {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let is_reexport = before.is_some_and(|token| token.word() == Some("pub") || token.is(')'));
        self.at += 1;
        self.read_tree(&[], is_reexport);
    }

    /// Reads one branch of an import, which goes on from `prefix`.
    fn read_tree(&mut self, prefix: &[String], is_reexport: bool) {
        let mut path = prefix.to_vec();
        let mut line = 0;
        while let Some(token) = self.token(0).cloned() {
            line = token.line;
            self.at += 1;
            match &token.kind {
                Kind::Path => {}
                Kind::Word(word) if word == "as" => {
                    let name = self.word(0).unwrap_or("_").to_owned();
                    self.at += 1;
                    return self.import(path, line, name, is_reexport);
                }
                Kind::Word(word) => {
                    path.push(word.clone());
                    if !self.token(0).is_some_and(|next| next.kind == Kind::Path || next.word() == Some("as"))
                    {
                        break;
                    }
                }
                Kind::Mark('*') => return self.import(path, line, "*".to_owned(), is_reexport),
                Kind::Mark('{') => {
                    while self.token(0).is_some() && !self.is(0, '}') {
                        if self.is(0, ',') {
                            self.at += 1;
                        } else {
                            self.read_tree(&path, is_reexport);
                        }
                    }
                    self.at += 1;
                    return;
                }
                Kind::Mark(_) => return,
            }
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = path.last().cloned().unwrap_or_default();
        self.import(path, line, name, is_reexport);
    }

    fn import(&mut self, path: Vec<String>, line: usize, name: String, is_reexport: bool) {
        self.names.named.push(Named {
            from: self.module.clone(),
            path,
            line,
            import: Some(name),
            is_reexport,
        });
    }

    /// Reads a word, with all that follows if it is the first of a path.
    fn read_path(&mut self) {
        let mut path = Vec::new();
        let line = self.token(0).map_or(0, |token| token.line);
        let after_path = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let is_absolute = after_path.is_some_and(|token| token.kind == Kind::Path);
        while let Some(word) = self.word(0).map(str::to_owned) {
            self.names.words.insert(word.clone());
            if ITEMS.contains(&word.as_str())
                && let Some(item) = self.word(1)
            {
                self.names.items.insert(item.to_owned());
            }
            path.push(word);
            self.at += 1;
            if self.token(0).is_none_or(|token| token.kind != Kind::Path) || self.word(1).is_none() {
                break;
            }
            self.at += 1;
        }
        if path.len() > 1 && !is_absolute {
            let from = self.module.clone();
            self.names.named.push(Named { from, path, line, import: None, is_reexport: false });
        }
    }
}

/// The module `name` in `module`.
pub(crate) fn below(module: &[String], name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// Where the bracket that `tokens` begin with is closed.
fn closing(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if ['(', '[', '{'].iter().any(|mark| token.is(*mark)) {
            depth += 1;
        } else if [')', ']', '}'].iter().any(|mark| token.is(*mark)) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        read(&["m".to_owned()], text).named.iter().map(|named| named.path.join("::")).collect()
    }

    #[test]
    fn imports_are_read_through_groups_and_lines() {
        let text = "use crate::a::{self, b::{C, d as e},\n f::*};\npub(super) use super::g;";
        assert_eq!(paths(text), ["crate::a", "crate::a::b::C", "crate::a::b::d", "crate::a::f", "super::g"]);
        let names = read(&[], text).named;
        let imports: Vec<_> = names.iter().filter_map(|named| named.import.as_deref()).collect();
        assert_eq!(imports, ["a", "C", "e", "*", "g"]);
        assert_eq!(names.iter().map(|named| named.line).collect::<Vec<_>>(), [1, 1, 1, 2, 3]);
        assert_eq!(
            names.iter().map(|named| named.is_reexport).collect::<Vec<_>>(),
            [false, false, false, false, true]
        );
    }

    #[test]
    fn paths_in_code_are_read() {
        let text =
            "fn f(x: crate::a::B<super::c::D>) -> impl Sized + use<'_> { x.map(e::f::<G>).y(::std::z) }";
        assert_eq!(paths(text), ["crate::a::B", "super::c::D", "e::f"]);
    }

    #[test]
    fn a_module_that_is_written_out_names_from_where_it_stands() {
        let text = "mod a { use super::b; fn f() { if true {} } } use c::d;";
        let from: Vec<_> =
            read(&["m".to_owned()], text).named.iter().map(|named| named.from.join("::")).collect();
        assert_eq!(from, ["m::a", "m"]);
    }

    #[test]
    fn what_is_compiled_for_tests_only_is_left_out() {
        let text =
            "#[cfg(test)] use a::b;\n#[cfg(test)]\n#[path = \"x\"]\npub(crate) mod s;\nfn f() { g::h() }
            #[cfg(test)] mod tests { use c::d; fn f() {} }\n#[cfg(not(test))] use k::l;
            struct S { #[cfg(test)] x: m::N, y: o::P }\n#[cfg(test)] fn q<A, B>(x: r::S) { t::u() }";
        assert_eq!(paths(text), ["g::h", "k::l", "o::P"]);
        let names = read(&[], text);
        assert_eq!(names.for_tests, [["s"], ["tests"]]);
    }

    #[test]
    fn who_may_see_an_item_is_not_what_it_needs() {
        assert_eq!(paths("pub(in crate::a) fn f(x: crate::b::C) {}"), ["crate::b::C"]);
    }
}
