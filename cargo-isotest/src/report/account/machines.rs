//! Machines on which the tests of a report were executed; pure.

use super::Account;
use super::ran_on::RanOn;
use std::sync::Arc;

impl Account {
    /// Returns the machines of all attempts, if there are several, in the order in which tests name them.
    pub(in crate::report) fn machines(&self) -> Vec<Arc<RanOn>> {
        let mut machines: Vec<Arc<RanOn>> = Vec::new();
        for (_, attempt) in self.attempts() {
            if let Some(machine) = &attempt.ran_on
                && !machines.contains(machine)
            {
                machines.push(Arc::clone(machine));
            }
        }
        if machines.len() > 1 { machines } else { Vec::new() }
    }

    /// Says on which machines tests were executed, if they were several, and whether their figures can be compared.
    pub(in crate::report) fn told_machines(&self) -> Option<String> {
        const NAMED: usize = 10;
        let machines = self.machines();
        let first = machines.first()?;
        let differ =
            |of: fn(&RanOn) -> &Option<String>| machines.iter().any(|machine| of(machine) != of(first));
        let why: Vec<_> = [
            differ(|machine| &machine.kernel).then_some("kernels"),
            differ(|machine| &machine.cgroups).then_some("versions of cgroups"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let names: Vec<_> = machines.iter().take(NAMED).map(|machine| words(machine)).collect();
        let more = machines.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let compared = if why.is_empty() {
            String::new()
        } else {
            format!("; their {} differ, so compare no peak of one with that of another", why.join(" and "))
        };
        Some(format!("{}{more}{compared}", names.join(", ")))
    }
}

fn words(machine: &RanOn) -> String {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let [host, kernel, cgroups] = [&machine.host, &machine.kernel, &machine.cgroups].map(known);
    format!("`{host}` (kernel {kernel}, cgroups {cgroups})")
}

#[cfg(test)]
mod tests {
    use crate::report::account::Reading;
    use crate::report::account::testing::{attempt, lines};
    use serde_json::json;

    fn told(machines: &[(&str, &str, &str)]) -> Option<String> {
        let mut reading = Reading::default();
        for (host, kernel, cgroups) in machines {
            let machine = json!({"host": host, "kernel": kernel, "architecture": "x86_64", "cpus": 2});
            let head = format!("{{\"machine\":{machine},\"cgroup_layout\":\"{cgroups}\",");
            let text = lines(host, &[attempt("tour", host, "passes", &json!({}))]);
            reading.add(host, &text.replacen('{', &head, 1));
        }
        reading.account.told_machines()
    }

    #[test]
    fn machines_are_told_if_there_are_several_and_what_differs() {
        assert_eq!(told(&[("a", "6.1", "v2")]), None);
        assert_eq!(
            told(&[("a", "6.1", "v2"), ("b", "6.1", "v2")]).as_deref(),
            Some("`a` (kernel 6.1, cgroups v2), `b` (kernel 6.1, cgroups v2)")
        );
        let told = told(&[("a", "6.1", "v2"), ("b", "6.18", "v1")]).unwrap();
        assert!(told.ends_with("; their kernels and versions of cgroups differ, so compare no peak of one with that of another"), "{told}");
    }
}
