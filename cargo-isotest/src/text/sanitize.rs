//! Sanitizes foreign text for terminals: of all escape sequences only colours pass.

use anstyle_parse::{Params, Parser, Perform};
use std::fmt::Write as _;

/// Sanitizes a text of several lines. Line ends, tabs and colours pass; any other escape sequence is dropped, and any
/// other control character becomes a visible sign.
pub(crate) fn block(text: &str) -> String {
    let mut cleaner = Cleaner { clean: String::with_capacity(text.len()), keeps_layout: true };
    for (index, line) in text.split('\n').enumerate() {
        if 0 < index {
            cleaner.clean.push('\n');
        }
        cleaner.line(line.strip_suffix('\r').unwrap_or(line));
    }
    cleaner.clean
}

/// Sanitizes a name or a message to one line without layout or colours.
pub(crate) fn word(text: &str) -> String {
    let mut cleaner = Cleaner { clean: String::with_capacity(text.len()), keeps_layout: false };
    for (index, line) in text.split('\n').enumerate() {
        if 0 < index {
            cleaner.execute(b'\n');
        }
        cleaner.line(line);
    }
    cleaner.clean
}

struct Cleaner {
    clean: String,
    keeps_layout: bool,
}

impl Cleaner {
    /// Sanitizes one line with a new parser, so that an unterminated sequence cannot swallow the following lines.
    fn line(&mut self, line: &str) {
        if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.clean.push_str(line);
            return;
        }
        let mut parser = Parser::<anstyle_parse::Utf8Parser>::new();
        for byte in line.bytes() {
            parser.advance(self, byte);
        }
    }
}

/// Returns whether a character reorders the surrounding text.
const fn is_directional(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

impl Perform for Cleaner {
    fn print(&mut self, character: char) {
        match u8::try_from(character) {
            Ok(byte) if character.is_control() => self.execute(byte),
            _ if is_directional(character) => self.clean.push(char::REPLACEMENT_CHARACTER),
            _ => self.clean.push(character),
        }
    }

    fn execute(&mut self, byte: u8) {
        let sign = match byte {
            b'\t' if self.keeps_layout => '\t',
            // A carriage return would let text overwrite the line: a new line begins instead.
            b'\r' if self.keeps_layout => '\n',
            0..=0x1f => char::from_u32(0x2400 + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER),
            0x7f => '\u{2421}',
            _ => char::REPLACEMENT_CHARACTER,
        };
        self.clean.push(sign);
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: u8) {
        if action != b'm' || !intermediates.is_empty() || ignore || !self.keeps_layout {
            return;
        }
        self.clean.push_str("\x1b[");
        for (index, param) in params.iter().enumerate() {
            self.clean.push_str(if index == 0 { "" } else { ";" });
            for (index, part) in param.iter().enumerate() {
                let colon = if index == 0 { "" } else { ":" };
                // Writing to a `String` cannot fail.
                let _ = write!(self.clean, "{colon}{part}");
            }
        }
        self.clean.push('m');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_layout_and_colours_survive_in_a_block() {
        for (dirty, clean) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("naïve – 日本", "naïve – 日本"),
            ("\x1b[31mred\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[m", "\x1b[31mred\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[0m"),
            ("\x1b[4:3mcurly", "\x1b[4:3mcurly"),
            ("\x1b[2J\x1b[1;1H\x1b[?1049hgone", "gone"),
            ("\x1b[>4;1mkeyboard", "keyboard"),
            ("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c", "abc"),
            ("\x1bPdevice\x1b\\after", "after"),
            ("\x1b]52;c;swallowed\nnext line", "\nnext line"),
            ("\x1bcreset", "reset"),
            ("10%\r20%\r\nend", "10%\n20%\nend"),
            ("bell\x07back\x08nul\0del\x7f", "bell␇back␈nul␀del␡"),
            ("c1\u{9b}31m", "c1\u{fffd}31m"),
            ("bidi\u{202e}x", "bidi\u{fffd}x"),
        ] {
            assert_eq!(block(dirty), clean, "{dirty:?}");
        }
    }

    #[test]
    fn a_word_stays_on_its_line_and_has_no_colour() {
        assert_eq!(word("a\nb\tc\rd\x1b[31me\x1b]0;t\x07"), "a␊b␉c␍de");
    }

    #[test]
    fn whatever_comes_in_no_escape_but_colour_comes_out() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let bytes = [0x1b, first, second, b'm', 0x9b, b'J'];
                let clean = block(&String::from_utf8_lossy(&bytes));
                let rest = clean.replace("\x1b[", "");
                let colours = clean.matches("\x1b[").count();
                assert!(colours <= 1 && (colours == 0 || rest.contains('m')), "{bytes:?} gave {clean:?}");
                assert!(
                    rest.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'),
                    "{bytes:?} gave {clean:?}"
                );
            }
        }
    }
}
