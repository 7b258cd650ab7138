//! Grammar of filtersets; pure.
//!
//! ```text
//! any       = all (("or" | "|" | "+") all)*
//! all       = operand (("and" | "&" | "-") operand)*
//! operand   = ("not" | "!") operand | "(" any ")" | predicate
//! predicate = NAME "(" matcher? ")"
//! matcher   = "=" TEXT | "~" TEXT | "#" GLOB | "/" REGEX "/" | TEXT
//! ```
//!
//! Blanks and line ends may stand between any two of these, but are part of TEXT.

use super::error::{FiltersetError, PREDICATES, Problem};
use super::expression::{Expression, Leaf, Predicate};
use super::matching::{Compiled, Matcher};
use crate::testcase::Platform;
use std::ops::Range;
use winnow::Parser;
use winnow::ascii::line_ending;
use winnow::combinator::{alt, delimited, not, opt, peek, preceded, repeat, terminated};
use winnow::error::{ErrMode, ModalResult, ParserError};
use winnow::stream::{LocatingSlice, Location, Stream};
use winnow::token::{any, literal, one_of, take_till, take_while};

/// Limit of the levels of parentheses and `not`: more than anybody writes, and fewer than fit on the stack.
const MAX_LEVELS: usize = 100;

type Input<'a> = LocatingSlice<&'a str>;
type Parsed<T> = ModalResult<T, Refusal>;

/// Problem of the text, and its place.
#[derive(Debug)]
struct Refusal {
    at: Range<usize>,
    problem: Problem,
}

impl<'a> ParserError<Input<'a>> for Refusal {
    type Inner = Self;

    fn from_input(input: &Input<'a>) -> Self {
        let at = input.current_token_start();
        Self { at: at..at, problem: Problem::NoOperand }
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

/// Parses an expression.
///
/// # Errors
/// The first problem of the text.
pub(super) fn parse(text: &str) -> Result<Expression, FiltersetError> {
    let mut input = LocatingSlice::new(text);
    whole(&mut input).map_err(|error| {
        let refusal = match error {
            ErrMode::Backtrack(refusal) | ErrMode::Cut(refusal) => refusal,
            // Cannot occur: the parser has the whole text.
            ErrMode::Incomplete(_) => Refusal::from_input(&input),
        };
        FiltersetError::new(text, refusal.at, refusal.problem)
    })
}

fn whole(input: &mut Input<'_>) -> Parsed<Expression> {
    let expression = any_of(input, 0)?;
    blank(input)?;
    let rest = input.current_token_start()..input.current_token_start() + input.len();
    if rest.is_empty() { Ok(expression) } else { refuse(rest, Problem::NotTheEnd) }
}

fn any_of(input: &mut Input<'_>, level: usize) -> Parsed<Expression> {
    let mut operands = vec![all_of(input, level)?];
    while opt(preceded(blank, alt((word("or"), '|'.void(), '+'.void())))).parse_next(input)?.is_some() {
        operands.push(all_of(input, level)?);
    }
    Ok(joined(operands, Expression::Any))
}

fn all_of(input: &mut Input<'_>, level: usize) -> Parsed<Expression> {
    let mut operands = vec![operand(input, level)?];
    loop {
        refuse_foreign_operator(input)?;
        let and = alt((word("and").value(true), '&'.value(true), '-'.value(false)));
        let Some(is_and) = opt(preceded(blank, and)).parse_next(input)? else { break };
        let next = operand(input, level)?;
        operands.push(if is_and { next } else { Expression::Not(Box::new(next)) });
    }
    Ok(joined(operands, Expression::All))
}

fn joined(mut operands: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match operands.pop() {
        Some(only) if operands.is_empty() => only,
        last => {
            operands.extend(last);
            join(operands)
        }
    }
}

fn operand(input: &mut Input<'_>, level: usize) -> Parsed<Expression> {
    blank(input)?;
    let begin = input.current_token_start();
    if level == MAX_LEVELS {
        return refuse(begin..begin, Problem::Depth);
    }
    refuse_foreign_operator(input)?;
    if opt(alt((word("not"), '!'.void()))).parse_next(input)?.is_some() {
        return Ok(Expression::Not(Box::new(operand(input, level + 1)?)));
    }
    if opt('(').parse_next(input)?.is_some() {
        let expression = any_of(input, level + 1)?;
        close(input)?;
        return Ok(expression);
    }
    let name = take_while(0.., |c: char| c.is_alphanumeric() || c == '_').parse_next(input)?;
    let at = begin..input.current_token_start();
    match name {
        "" | "and" | "or" => refuse(at, Problem::NoOperand),
        name if PREDICATES.contains(&name) => predicate(input, name, begin).map(Expression::Leaf),
        unknown => refuse(at, Problem::NoPredicate(unknown.to_owned())),
    }
}

/// Refuses an operator of another language.
fn refuse_foreign_operator(input: &mut Input<'_>) -> Parsed<()> {
    let foreign = alt((
        "&&".value(("&&", "&")),
        "||".value(("||", "|")),
        word("AND").value(("AND", "and")),
        word("OR").value(("OR", "or")),
        word("NOT").value(("NOT", "not")),
    ));
    let start = input.checkpoint();
    if let Some(((found, instead), at)) = opt(preceded(blank, foreign.with_span())).parse_next(input)? {
        return refuse(at, Problem::NoOperator(found, instead));
    }
    input.reset(&start);
    Ok(())
}

fn predicate(input: &mut Input<'_>, name: &str, begin: usize) -> Parsed<Leaf> {
    expect(input, '(', Problem::NotOpened)?;
    let predicate = match name {
        "all" => nothing(input).map(|()| Predicate::All),
        "none" => nothing(input).map(|()| Predicate::None),
        "default" => nothing(input).map(|()| Predicate::Default),
        "platform" => platform(input).map(Predicate::Platform),
        "test" => matcher(input, contains).map(Predicate::Test),
        "kind" => matcher(input, equal).map(Predicate::Kind),
        "package" => matcher(input, glob).map(Predicate::Package),
        "deps" => matcher(input, glob).map(Predicate::Deps),
        "rdeps" => matcher(input, glob).map(Predicate::Rdeps),
        "binary" => matcher(input, glob).map(Predicate::Binary),
        "binary_id" => matcher(input, glob).map(Predicate::BinaryId),
        _ => matcher(input, glob).map(Predicate::Group),
    }?;
    refuse_comma(input)?;
    close(input)?;
    Ok(Leaf { predicate, at: begin..input.current_token_start() })
}

fn nothing(input: &mut Input<'_>) -> Parsed<()> {
    let (argument, at) = take_till(0.., ')').with_span().parse_next(input)?;
    if argument.trim().is_empty() { Ok(()) } else { refuse(at, Problem::Argument) }
}

fn platform(input: &mut Input<'_>) -> Parsed<Platform> {
    blank(input)?;
    let begin = input.current_token_start();
    let name = text(input)?;
    match name.trim() {
        "host" => Ok(Platform::Host),
        "target" => Ok(Platform::Target),
        _ => refuse(begin..input.current_token_start(), Problem::Platform),
    }
}

/// Parses a matcher; without a sign before it, the matcher has the `usual` kind of the predicate.
fn matcher(input: &mut Input<'_>, usual: fn(&mut Input<'_>) -> Parsed<Matcher>) -> Parsed<Matcher> {
    blank(input)?;
    match opt(one_of(['=', '~', '#', '/'])).parse_next(input)? {
        Some('=') => equal(input),
        Some('~') => contains(input),
        Some('#') => glob(input),
        Some(_) => regex(input),
        None => usual(input),
    }
}

fn equal(input: &mut Input<'_>) -> Parsed<Matcher> {
    text(input).map(Matcher::Equal)
}

fn contains(input: &mut Input<'_>) -> Parsed<Matcher> {
    text(input).map(Matcher::Contains)
}

fn glob(input: &mut Input<'_>) -> Parsed<Matcher> {
    let (text, at) = text.with_span().parse_next(input)?;
    Matcher::glob(&text).or_else(|why| {
        refuse_comma(input)?;
        refuse(at, Problem::Glob(why))
    })
}

/// Parses a regular expression, in which `\/` stands for `/`, as in the `regex` crate.
fn regex(input: &mut Input<'_>) -> Parsed<Matcher> {
    let escape = ('\\', any).void();
    let (pattern, at) = repeat::<_, _, (), _, _>(0.., alt((escape, take_till(1.., ['\\', '/']).void())))
        .take()
        .with_span()
        .parse_next(input)?;
    if opt('/').parse_next(input)?.is_none() {
        return refuse(at.end..at.end, Problem::RegexNotClosed);
    }
    if let Err(error) = regex_syntax::parse(pattern) {
        let (why, place) = match &error {
            regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span())),
            regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span())),
            other => (other.to_string(), None),
        };
        let place =
            place.map_or(at.clone(), |place| at.start + place.start.offset..at.start + place.end.offset);
        return refuse(place, Problem::Regex(why));
    }
    Compiled::new(pattern).map(Matcher::Regex).or_else(|_| refuse(at, Problem::Regex("too large".to_owned())))
}

/// Parses a text up to an unescaped `)` or `,`.
fn text(input: &mut Input<'_>) -> Parsed<String> {
    let mut text = String::new();
    loop {
        text += take_till(0.., [')', ',', '\\']).parse_next(input)?;
        let begin = input.current_token_start();
        if opt('\\').parse_next(input)?.is_none() {
            break;
        }
        let Some(c) = opt(escaped).parse_next(input)? else {
            let _ = opt(any).parse_next(input)?;
            return refuse(begin..input.current_token_start(), Problem::Escape);
        };
        text.push(c);
    }
    let end = input.current_token_start();
    if text.is_empty() { refuse(end..end, Problem::NoName) } else { Ok(text) }
}

/// Parses the part of an escape sequence after the backslash.
fn escaped(input: &mut Input<'_>) -> Parsed<char> {
    let hexadecimal = take_while(1..=6, |c: char| c.is_ascii_hexdigit());
    let code = delimited("u{", hexadecimal, '}');
    let character = code.verify_map(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
    alt((
        character,
        'n'.value('\n'),
        'r'.value('\r'),
        't'.value('\t'),
        'b'.value('\u{8}'),
        'f'.value('\u{c}'),
        one_of(['\\', '/', ')', ',']),
    ))
    .parse_next(input)
}

fn refuse_comma(input: &mut Input<'_>) -> Parsed<()> {
    match opt(preceded(blank, ','.span())).parse_next(input)? {
        Some(at) => refuse(at, Problem::Comma),
        None => Ok(()),
    }
}

fn close(input: &mut Input<'_>) -> Parsed<()> {
    expect(input, ')', Problem::NotClosed)
}

fn expect(input: &mut Input<'_>, sign: char, otherwise: Problem) -> Parsed<()> {
    if opt(preceded(blank, sign)).parse_next(input)?.is_some() {
        return Ok(());
    }
    let at = input.current_token_start();
    refuse(at..at, otherwise)
}

/// Creates a parser of a word, which does not accept a prefix of a longer word.
fn word<'a>(name: &'static str) -> impl Parser<Input<'a>, (), ErrMode<Refusal>> {
    terminated(literal(name), peek(not(one_of(|c: char| c.is_ascii_alphanumeric() || c == '_')))).void()
}

fn blank(input: &mut Input<'_>) -> Parsed<()> {
    repeat(0.., alt((' '.void(), line_ending.void()))).parse_next(input)
}

/// Refuses the text with a problem, and tries no other way to parse it.
fn refuse<T>(at: Range<usize>, problem: Problem) -> Parsed<T> {
    Err(ErrMode::Cut(Refusal { at, problem }))
}
