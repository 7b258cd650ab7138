//! Parser of the arguments of `assert_budget!`.

use crate::budget::KEYS;
use crate::item::flat;
use crate::{Complaint, Span, TokenStream, TokenTree, quantity};

/// Reads `KEY <= VALUE, …` and returns the call that asserts it.
pub(crate) fn read(arguments: TokenStream) -> Result<TokenStream, Complaint> {
    let mut limits: Vec<(&str, String)> = Vec::new();
    let mut tokens = flat(arguments).into_iter();
    while let Some(token) = tokens.next() {
        let at = token.span();
        let name = token.to_string();
        let key = KEYS.iter().find(|key| key.is_readable && key.name == name);
        let Some(key) = key else {
            return Err(Complaint::new(
                at,
                format!("`{name}` cannot be asserted: expected one of {}", known()),
            ));
        };
        if limits.iter().any(|(known, _)| *known == key.name) {
            return Err(Complaint::new(at, format!("`{name}` is stated twice")));
        }
        for expected in ['<', '='] {
            match tokens.next() {
                Some(TokenTree::Punct(punct)) if punct.as_char() == expected => {}
                other => {
                    let at = other.map_or(at, |token| token.span());
                    return Err(Complaint::new(at, format!("expected `{name} <= VALUE`")));
                }
            }
        }
        let Some(value) = tokens.next() else {
            return Err(Complaint::new(at, format!("expected a value after `{name} <=`")));
        };
        let read = quantity::read(key.quantity, &value.to_string());
        let limit = read.map_err(|what| Complaint::new(value.span(), format!("`{name}`: {what}")))?;
        limits.push((key.name, key.quantity.in_source(limit)));
        match tokens.next() {
            Some(TokenTree::Punct(punct)) if punct.as_char() == ',' => {}
            None => {}
            Some(other) => return Err(Complaint::new(other.span(), "expected `,`")),
        }
    }
    if limits.is_empty() {
        let example = "it states no limit: write, for example, `assert_budget!(memory <= \"64 MiB\")`";
        return Err(Complaint::new(Span::call_site(), example));
    }
    let field = |(field, limit): &(&str, String)| format!("{field}: ::core::option::Option::Some({limit}), ");
    let fields = limits.iter().map(field).collect::<Vec<_>>().concat();
    let call = format!(
        "::isotest_core::inside::assert_budget(&::isotest_core::budget::Budget {{ {fields} ..::core::default::Default::default() }})"
    );
    // Parsing cannot fail: only names of fields and numbers were put into the text.
    Ok(call.parse().unwrap_or_default())
}

fn known() -> String {
    let names = KEYS.iter().filter(|key| key.is_readable).map(|key| format!("`{}`", key.name));
    names.collect::<Vec<_>>().join(", ")
}
