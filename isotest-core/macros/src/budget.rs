//! Parser of the arguments of the attribute `budget`.

use crate::item::flat;
use crate::quantity::{self, Quantity};
use crate::{Complaint, Span, TokenStream, TokenTree};
use std::fmt;

/// Key of the attribute.
pub(crate) struct Key {
    /// Name of the key in the attribute, and in the crate's `Budget`.
    pub(crate) name: &'static str,
    /// Name of the key in the record.
    pub(crate) recorded: &'static str,
    pub(crate) quantity: Quantity,
    /// Whether a test can read how much of the quantity it has used.
    pub(crate) is_readable: bool,
}

const fn key(name: &'static str, recorded: &'static str, quantity: Quantity, is_readable: bool) -> Key {
    Key { name, recorded, quantity, is_readable }
}

/// Every key with a quantity, in the order of records.
pub(crate) const KEYS: [Key; 6] = [
    key("memory", "memory", Quantity::Size, true),
    key("cpu", "cpu_us", Quantity::Time, true),
    key("procs", "procs", Quantity::Number, true),
    key("wall", "wall_us", Quantity::Time, false),
    key("disk", "disk", Quantity::Size, false),
    key("io_write", "io_write", Quantity::Size, true),
];

/// Key that takes `true` or `false`.
const HARD: &str = "hard";

/// Keys and values that an attribute states.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    values: [Option<u64>; KEYS.len()],
    hard: Option<bool>,
}

impl fmt::Display for Budget {
    /// Writes the fields of a record, each after a blank.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in KEYS.iter().zip(self.values) {
            if let Some(value) = value {
                write!(f, " {}={value}", key.recorded)?;
            }
        }
        if self.hard == Some(true) { f.write_str(" hard=1") } else { Ok(()) }
    }
}

/// Reads `KEY = VALUE, …`.
pub(crate) fn read(arguments: TokenStream) -> Result<Budget, Complaint> {
    let mut budget = Budget::default();
    let mut hard_at = None;
    let mut tokens = flat(arguments).into_iter().peekable();
    while let Some(token) = tokens.next() {
        let at = token.span();
        let TokenTree::Ident(name) = token else {
            return Err(Complaint::new(at, format!("expected one of {}", known())));
        };
        let name = name.to_string();
        let end = match tokens.next() {
            Some(TokenTree::Punct(punct)) if punct.as_char() == '=' => punct.span(),
            other => {
                let at = other.map_or(at, |token| token.span());
                return Err(Complaint::new(at, format!("expected `{name} = VALUE`")));
            }
        };
        let value = tokens.next();
        budget.take(&name, at, value, end)?;
        if name == HARD {
            hard_at = Some(at);
        }
        match tokens.next() {
            Some(TokenTree::Punct(punct)) if punct.as_char() == ',' => {}
            None => {}
            Some(other) => return Err(Complaint::new(other.span(), "expected `,`")),
        }
    }
    if let Some(at) = hard_at.filter(|_| budget.hard == Some(true) && budget.values[0].is_none()) {
        return Err(Complaint::new(at, "`hard` is of the memory limit: state `memory`, too"));
    }
    if budget.values.iter().all(Option::is_none) {
        let example = "`#[budget]` states no limit: write, for example, `#[budget(memory = \"64 MiB\")]`";
        return Err(Complaint::new(hard_at.unwrap_or_else(Span::call_site), example));
    }
    Ok(budget)
}

impl Budget {
    fn take(&mut self, name: &str, at: Span, value: Option<TokenTree>, end: Span) -> Result<(), Complaint> {
        let place = KEYS.iter().position(|key| key.name == name);
        let is_known = name == HARD || place.is_some();
        if !is_known {
            return Err(Complaint::new(
                at,
                format!("`{name}` cannot be budgeted: expected one of {}", known()),
            ));
        }
        let is_twice = if name == HARD {
            self.hard.is_some()
        } else {
            place.is_some_and(|place| self.values[place].is_some())
        };
        if is_twice {
            return Err(Complaint::new(at, format!("`{name}` is stated twice")));
        }
        let Some(value) = value else {
            return Err(Complaint::new(end, format!("expected a value after `{name} =`")));
        };
        let at = value.span();
        match place {
            Some(place) => {
                let quantity = quantity::read(KEYS[place].quantity, &value.to_string());
                self.values[place] =
                    Some(quantity.map_err(|what| Complaint::new(at, format!("`{name}`: {what}")))?);
            }
            None => {
                self.hard = Some(match value.to_string().as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(Complaint::new(at, "`hard` is `true` or `false`")),
                });
            }
        }
        Ok(())
    }
}

fn known() -> String {
    let names = KEYS.iter().map(|key| format!("`{}`", key.name));
    names.chain([format!("`{HARD}`")]).collect::<Vec<_>>().join(", ")
}
