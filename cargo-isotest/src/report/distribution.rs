//! Distribution of a figure of one test over many executions; pure.

/// Number of values from which on modes are looked for.
const ENOUGH: usize = 12;
/// Number of values that show a valley between two modes better.
const MANY: usize = 40;
/// Least share of all values that a mode has, as a divisor.
const LEAST_PART: usize = 20;
/// Least distance between two modes, as a divisor of the lower one.
const LEAST_DISTANCE: u64 = 10;
/// Largest number of values in the valley, as a divisor of the number of values in the smaller mode.
const VALLEY_PART: usize = 8;

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values in ascending order; at least one.
#[derive(Debug, Clone)]
pub(super) struct Distribution(Vec<u64>);

/// Value around which values gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    /// Median of the values that gather.
    pub(super) median: u64,
    /// Number of the values that gather.
    pub(super) count: usize,
}

impl Distribution {
    /// Creates a distribution; `None` if there are no values.
    pub(super) fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        (!values.is_empty()).then_some(Self(values))
    }

    /// Returns the lowest value.
    pub(super) fn min(&self) -> u64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// Returns the median.
    pub(super) fn median(&self) -> u64 {
        median(&self.0)
    }

    /// Returns the highest value.
    pub(super) fn max(&self) -> u64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// Draws a picture of so many columns from the lowest value to the highest: the higher a column, the more values
    /// are there.
    pub(super) fn picture(&self, columns: usize) -> String {
        let mut counts = vec![0_usize; columns.max(1)];
        let (min, width) = (self.min(), u128::from(self.max() - self.min()) + 1);
        for value in &self.0 {
            let at = u128::from(value - min) * counts.len() as u128 / width;
            if let Some(count) = usize::try_from(at).ok().and_then(|at| counts.get_mut(at)) {
                *count += 1;
            }
        }
        let highest = counts.iter().copied().max().unwrap_or_default().max(1);
        let column = |count: &usize| match (count * HEIGHTS.len()).div_ceil(highest) {
            0 => ' ',
            height => HEIGHTS[height - 1],
        };
        counts.iter().map(column).collect()
    }

    /// Finds the two values around which the values gather, with a valley between them; `None` if that cannot be
    /// said.
    ///
    /// The values are split where the halves differ most beside what differs within them, on a scale of ratios. That
    /// there are two modes is said only if each half has enough of them and hardly any lies between.
    pub(super) fn modes(&self) -> Option<[Mode; 2]> {
        let Self(values) = self;
        let least = 3.max(values.len() / LEAST_PART);
        if values.len() < ENOUGH {
            return None;
        }
        let logs: Vec<f64> = values.iter().map(|value| ln(*value)).collect();
        let (low, high) = values.split_at(split(&logs, least)?);
        let modes = [low, high].map(|half| Mode { median: median(half), count: half.len() });
        let [lower, higher] = modes.map(|mode| mode.median);
        if higher - lower <= lower / LEAST_DISTANCE {
            return None;
        }
        let margin = (ln(higher) - ln(lower)) / if values.len() < MANY { 4.0 } else { 3.0 };
        let valley = ln(lower) + margin..ln(higher) - margin;
        let between = logs.iter().filter(|log| valley.contains(log)).count();
        (between <= low.len().min(high.len()) / VALLEY_PART).then_some(modes)
    }
}

/// Finds the index at which values are split so that the variance between the halves is greatest, each of which has
/// at least so many values.
fn split(logs: &[f64], least: usize) -> Option<usize> {
    let sum: f64 = logs.iter().sum();
    let mut below = 0.0;
    let mut best: Option<(f64, usize)> = None;
    for (at, log) in logs.iter().enumerate() {
        if (least..=logs.len() - least).contains(&at) {
            let (low, high) = (number(at), number(logs.len() - at));
            let between = low * high * ((sum - below) / high - below / low).powi(2);
            if best.is_none_or(|(most, _)| most < between) {
                best = Some((between, at));
            }
        }
        below += log;
    }
    best.map(|(_, at)| at)
}

#[expect(clippy::cast_precision_loss, reason = "no run executes a test so often")]
const fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a ratio is no more exact")]
fn ln(value: u64) -> f64 {
    (value.max(1) as f64).ln()
}

fn median(sorted: &[u64]) -> u64 {
    let middle = |at: usize| sorted.get(at).copied().unwrap_or_default();
    middle(sorted.len().saturating_sub(1) / 2).midpoint(middle(sorted.len() / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    fn of(values: impl IntoIterator<Item = u64>) -> Distribution {
        Distribution::of(values.into_iter().collect()).unwrap()
    }

    #[test]
    fn the_middle_is_between_two_of_an_even_number() {
        for (values, expected) in [(&[7][..], [7, 7, 7]), (&[9, 1], [1, 5, 9]), (&[3, 1, 8], [1, 3, 8])] {
            let all = of(values.iter().copied());
            assert_eq!([all.min(), all.median(), all.max()], expected);
        }
        assert!(Distribution::of(Vec::new()).is_none());
    }

    #[test]
    fn a_picture_is_as_high_as_there_are_values() {
        assert_eq!(of([5]).picture(4), "█   ");
        assert_eq!(of((0..400).collect::<Vec<_>>()).picture(4), "████");
        assert_eq!(of([0, 0, 0, 0, 0, 0, 0, 0, 99]).picture(4), "█  ▁");
        assert_eq!(of([0, u64::MAX]).picture(3), "█ █", "the whole range has room");
    }

    /// Draws a number from about a normal distribution around 0, with a deviation of 1.
    fn normal(random: &mut Rng) -> f64 {
        (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "they are small and positive"
    )]
    fn drawn(random: &mut Rng, draw: impl Fn(&mut Rng) -> f64, count: usize) -> Distribution {
        of((0..count).map(|_| draw(random).max(1.0) as u64).collect::<Vec<_>>())
    }

    #[test]
    fn two_modes_are_found_where_there_are_two_and_hardly_where_there_is_one() {
        let mut random = Rng::with_seed(7);
        let mut found = |draw: &dyn Fn(&mut Rng) -> f64, count: usize| {
            (0..100).filter(|_| drawn(&mut random, draw, count).modes().is_some()).count()
        };
        let one: [&dyn Fn(&mut Rng) -> f64; 4] = [
            &|random| 1_000.0 + 100.0 * normal(random),
            &|random| 500.0 + 1_000.0 * random.f64(),
            &|random| 500.0 - 100.0 * (1.0 - random.f64()).ln(),
            &|random| (7.0 + normal(random)).exp(),
        ];
        for (at, draw) in one.iter().enumerate() {
            assert!(found(draw, 12) <= 10 && found(draw, 50) <= 4 && found(draw, 300) == 0, "{at}");
        }
        let cold = |random: &mut Rng, part: f64, high: f64| {
            let around = if random.f64() < part { high } else { 1_000.0 };
            around * (1.0 + 0.1 * normal(random))
        };
        assert!(found(&|random| cold(random, 0.1, 10_000.0), 100) >= 95);
        assert!(found(&|random| cold(random, 0.5, 3_000.0), 50) >= 95);
        assert!(found(&|random| cold(random, 0.2, 3_000.0), 300) >= 95);
    }

    #[test]
    fn each_mode_has_its_middle_and_its_number() {
        let values = (0..30).map(|n| 1_000 + n).chain((0..10).map(|n| 5_000 + n));
        let expected = [Mode { median: 1_014, count: 30 }, Mode { median: 5_004, count: 10 }];
        assert_eq!(of(values).modes(), Some(expected));
        let close = (0..20).map(|_| 1_000).chain((0..20).map(|_| 1_080));
        assert_eq!(of(close).modes(), None, "what hardly differs is one");
    }
}
