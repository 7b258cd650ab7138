//! Parsers of the kernel's cgroup files. Pure.

use crate::units::Bytes;
use crate::usage::{Cpu, Io, MemorySplit};
use std::time::Duration;

/// Returns the value of `key` in a flat keyed file: one `key value` pair a line.
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

fn size(text: &str, key: &str) -> Option<Bytes> {
    keyed(text, key).map(Bytes::new)
}

/// Parses `memory.stat` of version 2.
pub(super) fn memory_split_v2(text: &str) -> Option<MemorySplit> {
    let (file, shmem) = (size(text, "file")?, size(text, "shmem")?);
    Some(MemorySplit {
        anon: size(text, "anon")?,
        // The kernel counts tmpfs as page cache too.
        file: file.saturating_sub(shmem),
        shmem,
        kernel: size(text, "kernel"),
    })
}

/// Parses `memory.stat` of version 1, with all below it.
pub(super) fn memory_split_v1(text: &str, kernel: Option<Bytes>) -> Option<MemorySplit> {
    let (file, shmem) = (size(text, "total_cache")?, size(text, "total_shmem")?);
    Some(MemorySplit { anon: size(text, "total_rss")?, file: file.saturating_sub(shmem), shmem, kernel })
}

/// Parses `cpu.stat` of version 2.
pub(super) fn cpu_v2(text: &str) -> Option<Cpu> {
    let time = |key| keyed(text, key).map(Duration::from_micros);
    Some(Cpu { user: time("user_usec")?, system: time("system_usec")? })
}

/// Parses `io.stat` of version 2: the sum over all devices. An empty file says that there was no block I/O.
pub(super) fn io_v2(text: &str) -> Io {
    let sum = |key: &str| {
        let fields = text.split_whitespace().filter_map(|field| field.strip_prefix(key)?.strip_prefix('='));
        fields.filter_map(|value| value.parse().ok()).map(Bytes::new).sum()
    };
    Io { read: sum("rbytes"), write: sum("wbytes") }
}

/// Returns the total of the `some` line of a pressure file.
pub(super) fn pressure(text: &str) -> Option<Duration> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    let total = some.split_whitespace().find_map(|field| field.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_whole_word() {
        assert_eq!(keyed("oom 3\noom_kill 1\n", "oom"), Some(3));
        assert_eq!(keyed("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "oom_kill"), Some(2));
        assert_eq!(keyed("oom_kill 2", "kill"), None);
    }

    #[test]
    fn tmpfs_is_not_counted_as_a_file() {
        let split = memory_split_v2("anon 1\nfile 30\nkernel 5\nshmem 10\n");
        let expected = |kernel: Option<u64>| {
            let [anon, file, shmem] = [1, 20, 10].map(Bytes::new);
            Some(MemorySplit { anon, file, shmem, kernel: kernel.map(Bytes::new) })
        };
        assert_eq!(split, expected(Some(5)));
        let split = memory_split_v1("cache 1\ntotal_cache 30\ntotal_rss 1\ntotal_shmem 10\n", None);
        assert_eq!(split, expected(None));
        assert_eq!(memory_split_v2("anon 1\n"), None);
    }

    #[test]
    fn io_is_summed_over_devices() {
        let v2 = "254:0 rbytes=100 wbytes=20 rios=1 wios=2 dbytes=9 dios=0\n8:0 rbytes=1 wbytes=2 rios=1\n";
        assert_eq!(io_v2(v2), Io { read: Bytes::new(101), write: Bytes::new(22) });
        assert_eq!(io_v2(""), Io::default());
    }

    #[test]
    fn pressure_is_that_of_some() {
        let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=5276\nfull avg10=0.00 total=7\n";
        assert_eq!(pressure(text), Some(Duration::from_micros(5276)));
        assert_eq!(pressure(""), None);
    }

    #[test]
    fn cpu_needs_both_times() {
        let cpu = cpu_v2("usage_usec 30\nuser_usec 10\nsystem_usec 20\n");
        assert_eq!(cpu, Some(Cpu { user: Duration::from_micros(10), system: Duration::from_micros(20) }));
        assert_eq!(cpu_v2("usage_usec 30\n"), None);
    }

    #[test]
    fn mutated_files_are_read_or_refused() -> std::io::Result<()> {
        let mut files = Vec::new();
        let kernels = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/kernel");
        for kernel in std::fs::read_dir(kernels)?.flatten() {
            for version in ["v1", "v2"] {
                let entries = std::fs::read_dir(kernel.path().join(version)).into_iter().flatten().flatten();
                files.extend(entries.filter_map(|entry| std::fs::read(entry.path()).ok()));
            }
        }
        mutations::try_all("cgroup", &files, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = (keyed(&text, "oom_kill"), memory_split_v2(&text), memory_split_v1(&text, None));
            let _ = (cpu_v2(&text), io_v2(&text), pressure(&text));
        });
        Ok(())
    }
}
