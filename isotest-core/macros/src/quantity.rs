//! Parser of quantities as they are written in sources: numbers with units. Pure.

/// Kind of quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Bytes, written as text with a unit.
    Size,
    /// Microseconds, written as text with a unit.
    Time,
    /// Number without a unit.
    Number,
}

impl Quantity {
    /// Writes a value of the quantity in its smallest unit as an expression of the type that the crate has for it.
    pub(crate) fn in_source(self, value: u64) -> String {
        match self {
            Self::Size => format!("::isotest_core::Bytes::new({value})"),
            Self::Time => format!("::core::time::Duration::from_micros({value})"),
            Self::Number => format!("{value}_u64"),
        }
    }
}

/// Name of a unit, and its value in the smallest unit.
type Unit = (&'static str, u64);

const SIZES: [Unit; 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const TIMES: [Unit; 5] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("min", 60_000_000), ("h", 3_600_000_000)];

/// Reads a token as a quantity, or says what is wrong with it.
pub(crate) fn read(quantity: Quantity, token: &str) -> Result<u64, String> {
    let (units, example) = match quantity {
        Quantity::Size => (&SIZES[..], "\"64 MiB\""),
        Quantity::Time => (&TIMES[..], "\"2 s\""),
        Quantity::Number => return number(token),
    };
    let text = token.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let Some(text) = text else {
        return Err(format!("expected text with a unit, for example {example}"));
    };
    let text = text.trim();
    let unit_at = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let (amount, unit) = text.split_at(unit_at);
    let unit = unit.trim_start();
    let known = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(if unit.is_empty() {
            format!("`{text}` has no unit: expected one of {}", known())
        } else {
            format!("unknown unit `{unit}`: expected one of {}", known())
        });
    };
    let value = multiplied(amount, *factor).ok_or_else(|| {
        format!("`{amount}` is no number that can be a limit; expected, for example, {example}")
    })?;
    not_zero(value)
}

fn number(token: &str) -> Result<u64, String> {
    let digits: String = token.chars().filter(|c| *c != '_').collect();
    let value = digits.parse().map_err(|_| "expected a number without a unit, for example 8".to_owned())?;
    not_zero(value)
}

fn not_zero(value: u64) -> Result<u64, String> {
    if value == 0 { Err("a limit of zero lets no test pass".to_owned()) } else { Ok(value) }
}

/// Multiplies a decimal number, rounding down; `None` if it is none, or too large.
fn multiplied(amount: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
    let digits = |text: &str| {
        let digits: String = text.chars().filter(|c| *c != '_').collect();
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then_some(digits)
    };
    let (whole, fraction) = (digits(whole)?, digits(fraction)?);
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let whole = whole.parse::<u128>().ok()?.checked_mul(u128::from(factor))?;
    let part = fraction.parse::<u128>().ok()?.checked_mul(u128::from(factor))? / scale;
    u64::try_from(whole.checked_add(part)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact() {
        for (text, bytes) in [
            ("64 MiB", 64 << 20),
            ("64MiB", 64 << 20),
            ("1.5 GiB", 3 << 29),
            ("10 MB", 10_000_000),
            ("1_000 B", 1000),
            ("0.1 KiB", 102),
        ] {
            assert_eq!(read(Quantity::Size, &format!("\"{text}\"")), Ok(bytes), "{text}");
        }
        for (text, microseconds) in [("2 s", 2_000_000), ("1.5 ms", 1500), ("2 min", 120_000_000)] {
            assert_eq!(read(Quantity::Time, &format!("\"{text}\"")), Ok(microseconds), "{text}");
        }
        assert_eq!(read(Quantity::Number, "1_000"), Ok(1000));
    }

    #[test]
    fn nonsense_says_what_is_wrong() {
        for (quantity, token, complaint) in [
            (Quantity::Size, "64", "expected text with a unit"),
            (Quantity::Size, "\"64\"", "has no unit: expected one of B, KiB"),
            (Quantity::Size, "\"64 M\"", "unknown unit `M`"),
            (Quantity::Size, "\"0 MiB\"", "limit of zero"),
            (Quantity::Size, "\"0.1 B\"", "limit of zero"),
            (Quantity::Size, "\"MiB\"", "`` is no number"),
            (Quantity::Size, "\"1.2.3 MiB\"", "`1.2.3` is no number"),
            (Quantity::Size, "\"99999999999 TiB\"", "is no number that can be a limit"),
            (Quantity::Size, "\"-1 MiB\"", "unknown unit `-1 MiB`"),
            (Quantity::Time, "\"2 MiB\"", "unknown unit `MiB`: expected one of us"),
            (Quantity::Number, "\"8\"", "expected a number without a unit"),
            (Quantity::Number, "8.5", "expected a number without a unit"),
            (Quantity::Number, "0", "limit of zero"),
        ] {
            let said = read(quantity, token);
            assert!(said.as_ref().is_err_and(|said| said.contains(complaint)), "{token}: {said:?}");
        }
    }
}
