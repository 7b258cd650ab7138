//! Niceness of the caller to others on the machine. Where the kernel shares processors out among sessions or cgroups,
//! the niceness of a process counts only beside those in the same one, and a new one starts with niceness 0.

use procfs::FromRead;
use procfs::process::Stat;
use std::fs;

/// Name of the file of a process that says how nice its session is (sched(7), "The autogroup feature").
pub(crate) const SESSION: &str = "autogroup";

/// Reads the niceness of this process and its session, as one.
pub(crate) fn of_caller() -> i64 {
    let session = fs::read_to_string(format!("/proc/self/{SESSION}")).unwrap_or_default();
    let of_session = session.trim_end().rsplit_once(" nice ").and_then(|(_, nice)| nice.parse().ok());
    let of_process = Stat::from_file("/proc/self/stat").map_or(0, |stat| stat.nice);
    (of_session.unwrap_or(0) + of_process).clamp(-20, 19)
}

/// Returns the weight of a process of this niceness, 1024 for 0 (sched(7)): a step is a tenth of a processor between two.
pub(crate) fn weight(nice: i64) -> u64 {
    const STEP: f64 = 1.25;
    let weight = 1024.0 * STEP.powf(-f64::from(i32::try_from(nice).unwrap_or_default()));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 14 and 90,000")]
    let weight = weight.round() as u64;
    weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_kernels() {
        assert_eq!([19, 5, 0, -20].map(weight), [15, 336, 1024, 88818]);
    }
}
