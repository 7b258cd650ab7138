//! Units of what is limited and measured, as types. Times are a [`Duration`](std::time::Duration). Pure.

use std::fmt;
use std::iter::Sum;

/// Size in bytes. It is written with a binary unit: `64 MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "sandbox", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Bytes(u64);

impl Bytes {
    /// Makes a size of so many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Makes a size of so many kibibytes, at most the largest that there is.
    pub const fn kib(kibibytes: u64) -> Self {
        Self(kibibytes.saturating_mul(1 << 10))
    }

    /// Makes a size of so many mebibytes, at most the largest that there is.
    pub const fn mib(mebibytes: u64) -> Self {
        Self(mebibytes.saturating_mul(1 << 20))
    }

    /// Makes a size of so many gibibytes, at most the largest that there is.
    pub const fn gib(gibibytes: u64) -> Self {
        Self(gibibytes.saturating_mul(1 << 30))
    }

    /// Returns the number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the sum of two sizes, at most the largest that there is.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns by how much the size is more than another; zero if it is not.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Bytes {
    /// Writes the size with a tenth where it says something: `7 B`, `1.5 KiB`, `64 MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u32, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let unit = UNITS.into_iter().find(|(shift, _)| self.0 >> shift > 0);
        let Some((shift, name)) = unit else { return write!(f, "{} B", self.0) };
        let tenths = (u128::from(self.0) * 10 + (1 << (shift - 1))) >> shift;
        if tenths.is_multiple_of(10) {
            write!(f, "{} {name}", tenths / 10)
        } else {
            write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
        }
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self(0), Self::saturating_add)
    }
}

/// Processor time that is used at once, in thousandths of one processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "sandbox", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct MilliCpu(u32);

impl MilliCpu {
    /// Makes so many thousandths of one processor.
    pub const fn new(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// Makes so many whole processors, at most the largest number that there is.
    pub const fn processors(processors: u32) -> Self {
        Self(processors.saturating_mul(1000))
    }

    /// Returns the number of thousandths.
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        for (bytes, text) in [(7, "7 B"), (1536, "1.5 KiB"), (64 << 20, "64 MiB"), (3 << 29, "1.5 GiB")] {
            assert_eq!(Bytes::new(bytes).to_string(), text);
        }
    }

    #[test]
    fn sizes_and_processors_end_at_the_largest() {
        assert_eq!(Bytes::gib(u64::MAX), Bytes::new(u64::MAX));
        assert_eq!(Bytes::mib(1).saturating_sub(Bytes::kib(1)), Bytes::kib(1023));
        assert_eq!([Bytes::new(u64::MAX), Bytes::new(1)].into_iter().sum::<Bytes>(), Bytes::new(u64::MAX));
        assert_eq!(MilliCpu::processors(u32::MAX).get(), u32::MAX);
    }
}
