//! Parser of the function that an attribute stands on.

use crate::{Complaint, Span, TokenStream, TokenTree};
use proc_macro::Delimiter;

const ELSEWHERE: &str = "`#[budget]` belongs on a test function";

/// Returns the name of the function.
pub(crate) fn function_of(item: TokenStream) -> Result<String, Complaint> {
    let mut tokens = flat(item).into_iter().peekable();
    let mut first = None;
    while let Some(token) = tokens.next() {
        let at = token.span();
        first.get_or_insert(at);
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                if let Some(TokenTree::Group(attribute)) = tokens.next()
                    && is_budget(attribute.stream())
                {
                    return Err(Complaint::new(
                        attribute.span(),
                        "this function has two budgets: state all limits in one `#[budget]`",
                    ));
                }
            }
            TokenTree::Ident(word) if word.to_string() == "fn" => {
                return match tokens.next() {
                    Some(TokenTree::Ident(name)) => Ok(name.to_string()),
                    _ => Err(Complaint::new(at, ELSEWHERE)),
                };
            }
            TokenTree::Ident(word)
                if ["pub", "const", "async", "unsafe", "extern", "safe"]
                    .contains(&word.to_string().as_str()) =>
            {
                // `pub(crate)`, `extern "C"`.
                tokens.next_if(|next| match next {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Parenthesis,
                    TokenTree::Literal(_) => true,
                    _ => false,
                });
            }
            _ => return Err(Complaint::new(at, ELSEWHERE)),
        }
    }
    Err(Complaint::new(first.unwrap_or_else(Span::call_site), ELSEWHERE))
}

/// Takes tokens out of the invisible groups that fragments of `macro_rules!` are in.
pub(crate) fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flattened = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                flattened.extend(flat(group.stream()));
            }
            other => flattened.push(other),
        }
    }
    flattened
}

/// Returns whether an attribute is another budget, by whatever path.
fn is_budget(attribute: TokenStream) -> bool {
    let mut last = None;
    for token in flat(attribute) {
        match token {
            TokenTree::Ident(word) => last = Some(word.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == ':' => {}
            _ => break,
        }
    }
    last.is_some_and(|word| word == "budget")
}
