//! Limits as the files and texts that set them. Pure.

use crate::plan::Limits;
use crate::policy::Capability;

/// A file and what is written into it. An optional file is one that not every kernel has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) file: &'static str,
    pub(crate) value: String,
    pub(crate) optional: bool,
}

/// Memory and swap together may be this much more than memory alone. That sum is charged first, and its refusals are
/// not counted by every kernel: with room for the largest allocation that may end in a kill, it is the limit of memory
/// that refuses.
const SWAP_BYTES: u64 = 64 << 10;

/// What to write, in order, into a directory of a hierarchy that serves `capability`.
pub(crate) fn settings(limits: Limits, capability: Capability, unified: bool) -> Vec<Setting> {
    let required = |file, value: u64| Setting { file, value: value.to_string(), optional: false };
    let optional = |file, value: u64| Setting { file, value: value.to_string(), optional: true };
    match (capability, unified) {
        (Capability::Memory, true) => limits.memory.map_or_else(Vec::new, |bytes| {
            vec![
                required("memory.max", bytes),
                // With swap the limit would be no limit. Absent where the kernel has no swap accounting.
                optional("memory.swap.max", 0),
                optional("memory.oom.group", 1),
            ]
        }),
        (Capability::Memory, false) => limits.memory.map_or_else(Vec::new, |bytes| {
            vec![
                required("memory.limit_in_bytes", bytes),
                // Memory and swap together; may not be below the former. Absent without swap accounting.
                optional("memory.memsw.limit_in_bytes", bytes.saturating_add(SWAP_BYTES)),
            ]
        }),
        (Capability::Pids, _) => limits.pids.map(|pids| required("pids.max", pids)).into_iter().collect(),
        (_, _) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(capability: Capability, unified: bool) -> Vec<(&'static str, String)> {
        let limits = Limits { memory: Some(4096), pids: Some(7) };
        settings(limits, capability, unified)
            .into_iter()
            .map(|setting| (setting.file, setting.value))
            .collect()
    }

    #[test]
    fn a_memory_limit_forbids_swap() {
        let expected = [("memory.max", "4096"), ("memory.swap.max", "0"), ("memory.oom.group", "1")];
        assert_eq!(files(Capability::Memory, true), expected.map(|(file, text)| (file, text.to_owned())));
        let expected = [("memory.limit_in_bytes", "4096"), ("memory.memsw.limit_in_bytes", "69632")];
        assert_eq!(files(Capability::Memory, false), expected.map(|(file, text)| (file, text.to_owned())));
    }

    #[test]
    fn only_what_is_served_is_written() {
        assert_eq!(files(Capability::Pids, false), [("pids.max", "7".to_owned())]);
        assert_eq!(files(Capability::Cpu, true), []);
        assert_eq!(settings(Limits::default(), Capability::Memory, true), []);
    }
}
