//! The figures are right. The control of a figure is another amount: outside, there is nothing to read it from.

use crate::observed::{Attempt, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::limits::Limits;
use isotest_core::outcome::Outcome;
use isotest_core::plan::Views;
use isotest_core::policy::Capability::{Cpu, Io, Memory, Pids, Pressure};
use isotest_core::units::Bytes;
use isotest_core::usage::Source;
use libtest_mimic::Failed;
use nix::unistd::{SysconfVar, sysconf};
use std::time::Duration;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("memory_is_what_was_touched", touched).needs(&[Need::Measured(Memory)]),
    Promise::new("memory_of_children_adds_up", children_add_up).needs(&[Need::Measured(Memory)]),
    Promise::new("the_peak_is_the_maximum_not_the_sum", maximum).needs(&[Need::Measured(Memory)]),
    Promise::new("the_tenth_execution_reads_as_the_first", repeatable).needs(&[Need::Measured(Memory)]),
    Promise::new("temporary_files_are_memory", temporary_files).needs(&[Need::Measured(Memory)]),
    Promise::new("copied_files_are_memory", copied_files).needs(&[Need::Measured(Memory)]),
    Promise::new("half_a_second_of_processor_time", processor_time),
    Promise::new("processor_time_comes_from_the_cgroup", |suite| cpu_source(suite, false))
        .needs(&[Need::Measured(Cpu)]),
    Promise::new("processor_time_without_a_cgroup_comes_from_getrusage", |suite| cpu_source(suite, true))
        .needs(&[Need::NotMeasured(Cpu)]),
    Promise::new("threads_and_processes_are_counted", threads).needs(&[Need::Measured(Pids)]),
    Promise::new("over_its_limit_it_is_oom_killed", oom).needs(&[Need::Measured(Memory)]),
    Promise::new("page_cache_over_the_limit_is_no_oom", page_cache)
        .needs(&[Need::Measured(Memory), Need::BlockDevice]),
    Promise::new("what_is_written_through_is_counted", written_through).needs(&[Need::BlockDevice]),
    Promise::new("what_is_written_back_later_is_counted_without_io_stat", written_back)
        .needs(&[Need::NotMeasured(Io), Need::BlockDevice]),
    Promise::new("stalls_are_told", stalls).needs(&[Need::Measured(Pressure)]),
    Promise::new("memory_without_a_cgroup_is_sampled_and_marked", sampled)
        .needs(&[Need::NotMeasured(Memory)]),
    Promise::new("no_count_of_processes_where_there_is_no_cgroup", |suite| {
        none(suite, "pids", |record| record.usage.pids_peak.is_none())
    })
    .needs(&[Need::NotMeasured(Pids)]),
    Promise::new("what_only_prepares_is_not_measured", unmeasured),
];

const MIB: u64 = 1 << 20;

fn peak(attempt: &Attempt) -> Result<u64, Failed> {
    Ok(attempt.record.usage.memory_peak.ok_or("no peak")?.value.get())
}

/// What a peak may be too high by: the kernel charges in batches for each processor, and a program has a memory of
/// its own.
fn slack() -> Result<u64, Failed> {
    let processors = sysconf(SysconfVar::_NPROCESSORS_ONLN)?.ok_or("no number of processors")?;
    Ok(256 * 1024 * u64::try_from(processors)? + 3 * MIB / 2)
}

fn assert_peak(attempt: &Attempt, bytes: u64, slack: u64) -> Kept {
    attempt.did()?;
    let peak = peak(attempt)?;
    if (bytes..=bytes + slack).contains(&peak) {
        return Ok(());
    }
    Err(attempt.unlike(&format!("a peak of {bytes} to {} bytes, not {peak}", bytes + slack)))
}

/// Reads the probe once, so that its page cache is charged to nobody who is measured.
fn warm(suite: &Suite) -> Kept {
    suite.inside_with(&Wish { measured: false, ..suite.wish() }, &["allocate", "1"])?.did()?;
    Ok(())
}

fn touched(suite: &Suite) -> Kept {
    warm(suite)?;
    for mebibytes in [1, 10, 100] {
        let inside = suite.inside(&["allocate", &mebibytes.to_string()])?;
        assert_peak(&inside, mebibytes * MIB, slack()?)?;
    }
    Ok(())
}

fn children_add_up(suite: &Suite) -> Kept {
    warm(suite)?;
    let inside = suite.inside(&["allocate_in_children", "4", "10"])?;
    // Each child has page tables and copied pages of its own.
    assert_peak(&inside, 40 * MIB, slack()? + 4 * MIB / 2)
}

fn maximum(suite: &Suite) -> Kept {
    warm(suite)?;
    for (first, second) in [("60", "20"), ("20", "60")] {
        let inside = suite.inside(&["allocate_free_allocate", first, second])?;
        assert_peak(&inside, 60 * MIB, slack()?)?;
    }
    Ok(())
}

fn repeatable(suite: &Suite) -> Kept {
    warm(suite)?;
    let wish = suite.wish();
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    for arguments in [&["exit", "0"][..], &["allocate", "5"]] {
        let mut peaks = Vec::new();
        for _ in 0..10 {
            peaks.push(peak(&wish.attempt(&mut slot, arguments)?)?);
        }
        let (first, tenth) = (peaks[0], peaks[9]);
        assert!(first.abs_diff(tenth) < 6 * MIB / 10, "{arguments:?}: {peaks:?}");
    }
    Ok(())
}

fn temporary_files(suite: &Suite) -> Kept {
    warm(suite)?;
    for directory in ["/tmp", "/dev/shm"] {
        let path = format!("{directory}/file");
        assert_peak(&suite.inside(&["tmpfs_write", &path, "20"])?, 20 * MIB, slack()? + MIB)?;
        let left = suite.inside(&["fill", &path, &(20 * MIB).to_string()])?;
        assert_peak(&left, 20 * MIB, slack()?)?;
        let split = left.record.usage.memory_split.ok_or("no split")?.value;
        assert!((20 * MIB..21 * MIB).contains(&split.shmem.get()), "{split:?}");
    }
    Ok(())
}

fn copied_files(suite: &Suite) -> Kept {
    warm(suite)?;
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    let views = Views { copy_on_write: vec![scratch.path().into()], ..Views::default() };
    let wish = Wish { views, ..suite.wish() };
    let inside = suite.inside_with(&wish, &["fill", text(&file)?, &(20 * MIB).to_string()])?;
    assert_peak(&inside, 20 * MIB, slack()?)
}

fn processor_time(suite: &Suite) -> Kept {
    const BURNT: Duration = Duration::from_millis(500);
    let used = |inside: &Attempt| -> Result<Duration, Failed> {
        let cpu = inside.did().and(Ok(inside.record.usage.cpu.ok_or("no processor time")?.value))?;
        Ok(cpu.user + cpu.system)
    };
    // It cannot tell what its own end costs, which is less than a whole execution.
    let end = used(&suite.inside(&["exit", "0"])?)?;
    for (arguments, facts) in [
        (&["burn_cpu", "500"][..], &["cpu_us"][..]),
        (&["burn_cpu_threads", "2", "250"], &["cpu_us"]),
        (&["burn_cpu_daemon", "500"], &["cpu_us", "daemon_cpu_us"]),
    ] {
        let inside = suite.inside(arguments)?;
        let mut told = Duration::ZERO;
        for fact in facts {
            // On a busy machine it is more than was asked for.
            told += Duration::from_micros(inside.fact(fact)?.parse()?);
        }
        let used = used(&inside)?;
        assert!(
            told >= BURNT && used >= told * 95 / 100 && used <= told * 105 / 100 + end,
            "{arguments:?}: {used:?}, and it says {told:?} itself, end {end:?}"
        );
    }
    // Whatever an emulated processor is busy with only adds to it.
    let idle = || used(&suite.inside(&["sleep", "500"])?);
    let idle = idle()?.min(idle()?).min(idle()?);
    assert!(idle < BURNT / 2 + end, "control: {idle:?}");
    Ok(())
}

fn cpu_source(suite: &Suite, rusage: bool) -> Kept {
    let source = suite.inside(&["exit", "0"])?.record.usage.cpu.ok_or("no processor time")?.source;
    assert_eq!(source == Source::Rusage, rusage, "{source}");
    Ok(())
}

fn threads(suite: &Suite) -> Kept {
    let cases: [(&[&str], u64); 4] = [
        (&["exit", "0"], 1),
        (&["threads", "10"], 11),
        (&["spawn_many", "10", "200"], 11),
        (&["zombies", "5"], 6),
    ];
    for (arguments, expected) in cases {
        let inside = suite.inside(arguments)?;
        inside.did()?;
        assert_eq!(inside.record.usage.pids_peak.ok_or("no count")?.value, expected, "{arguments:?}");
    }
    Ok(())
}

fn limited(suite: &Suite, views: Views) -> Wish {
    Wish { limits: Limits { memory: Some(Bytes::mib(64)), ..Limits::default() }, views, ..suite.wish() }
}

fn oom(suite: &Suite) -> Kept {
    let wish = limited(suite, Views::default());
    let shell = wish.clone().program("/bin/sh");
    let child = ["-c", "\"$0\" allocate 200; exit 0", text(&suite.probe)?];
    let killed = [
        suite.inside_with(&wish, &["allocate", "200"])?,
        suite.inside_with(&shell, &child)?,
        suite.inside_with(&wish, &["fill", "/tmp/file", &(200 * MIB).to_string()])?,
    ];
    for inside in killed {
        inside.outcome(&Outcome::OomKilled)?;
        let oom = inside.record.usage.oom.ok_or("no count of kills")?.value;
        assert!(oom.kills >= 1 && oom.own_limit, "{oom:?}");
        assert!(peak(&inside)? <= 64 * MIB);
    }
    let within = suite.inside_with(&wish, &["allocate", "40"])?;
    within.outcome(&Outcome::Passed)?;
    let without = suite.inside(&["allocate", "200"])?;
    without.outcome(&Outcome::Passed)?;
    assert_eq!(without.record.usage.oom.ok_or("no count of kills")?.value.kills, 0, "control");
    Ok(())
}

fn page_cache(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    let kept = Views { kept: vec![scratch.path().into()], ..Views::default() };
    let inside =
        suite.inside_with(&limited(suite, kept), &["fill", text(&file)?, &(120 * MIB).to_string()])?;
    inside.outcome(&Outcome::Passed)?;
    assert_eq!(inside.record.usage.oom.ok_or("no count of kills")?.value.kills, 0);
    // Control: as much in a file that is memory.
    let copied = Views { copy_on_write: vec![scratch.path().into()], ..Views::default() };
    let other = scratch.path().join("other");
    let inside =
        suite.inside_with(&limited(suite, copied), &["fill", text(&other)?, &(120 * MIB).to_string()])?;
    inside.outcome(&Outcome::OomKilled)
}

fn written_through(suite: &Suite) -> Kept {
    written(suite, "fsync_write")
}

fn written_back(suite: &Suite) -> Kept {
    written(suite, "fill")
}

/// With this probe, to a block device.
fn written(suite: &Suite, probe: &str) -> Kept {
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    let views = Views { kept: vec![scratch.path().into()], ..Views::default() };
    let wish = Wish { views, ..suite.wish() };
    let written = |arguments: &[&str]| -> Result<u64, Failed> {
        let inside = suite.inside_with(&wish, arguments)?;
        Ok(inside.did().and(Ok(inside.record.usage.io.ok_or("no figure")?.value))?.write.get())
    };
    let bytes = written(&[probe, text(&file)?, &(8 * MIB).to_string()])?;
    assert!((8 * MIB..10 * MIB).contains(&bytes), "{bytes}");
    assert!(written(&["tmpfs_write", "/tmp/file", "8"])? < MIB, "control");
    Ok(())
}

fn stalls(suite: &Suite) -> Kept {
    // More threads than processors: some of them must wait.
    let inside = suite.inside(&["burn_cpu_threads", "16", "40"])?;
    let pressure = inside.record.usage.pressure;
    let stalled = pressure.cpu.ok_or("no figure")?.value;
    let idle = suite.inside(&["sleep", "200"])?.record.usage.pressure.cpu.ok_or("no figure")?.value;
    for (reading, file) in
        [(pressure.cpu, "cpu.pressure"), (pressure.memory, "memory.pressure"), (pressure.io, "io.pressure")]
    {
        assert!(reading.is_none_or(|reading| reading.source.as_str() == file), "{reading:?}");
    }
    assert!(stalled > Duration::from_millis(20) && idle < stalled, "{stalled:?}, control {idle:?}");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures' own trials do not apply here, so this one says so")]
fn none(suite: &Suite, metric: &str, is_none: fn(&isotest_core::record::Record) -> bool) -> Kept {
    let inside = suite.inside(&["allocate", "10"])?;
    inside.did()?;
    if is_none(&inside.record) {
        println!("{metric}: None, as it should be");
        return Ok(());
    }
    Err(inside.unlike(&format!("no figure of {metric}, not {:?}", inside.record.usage)))
}

fn sampled(suite: &Suite) -> Kept {
    let read = |arguments: &[&str]| -> Result<_, Failed> {
        let inside = suite.inside(arguments)?;
        inside.did()?;
        assert!(inside.record.usage.oom.is_none() && inside.record.usage.memory_split.is_none());
        Ok(inside.record.usage.memory_peak.ok_or("no figure")?)
    };
    // What is too short to be seen is known by its largest process, what is long by all of them. On a busy machine the last may
    // begin long after the first.
    let alone = read(&["allocate", "50"])?;
    let together = read(&["allocate_in_children", "4", "50", "2000"])?;
    for (found, mebibytes) in [(alone, 50), (together, 200)] {
        assert!(found.source.is_approximate(), "{found:?}");
        assert!(
            (mebibytes * MIB..(mebibytes + 10) * MIB).contains(&found.value.get()),
            "{mebibytes} MiB: {found:?}"
        );
    }
    assert_eq!(together.source, Source::SmapsRollup);
    assert!(read(&["exit", "0"])?.value < Bytes::mib(10), "control");
    Ok(())
}

fn unmeasured(suite: &Suite) -> Kept {
    let inside = suite.inside_with(&Wish { measured: false, ..suite.wish() }, &["allocate", "10"])?;
    inside.outcome(&Outcome::Passed)?;
    let usage = &inside.record.usage;
    assert!(usage.memory_peak.is_none() && usage.pids_peak.is_none(), "{usage:?}");
    assert_eq!(usage.cpu.ok_or("no processor time")?.source, Source::Rusage);
    assert_eq!(usage.io.ok_or("no block I/O")?.source, Source::Rusage);
    Ok(())
}
