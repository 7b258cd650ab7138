//! Any process of a run, killed at any moment: no verdict is false, everybody is gone soon, and the host is as it was.

use crate::faults::Trials;
use crate::observed::eventually;
use crate::promise::{Kept, Promise};
use crate::sandboxed::Suite;
use libtest_mimic::Failed;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) const PROMISES: &[Promise] =
    &[Promise::new("whoever_is_killed_no_verdict_is_false_and_nothing_is_left", random).alone()];

/// How many processes are killed, unless this variable of the environment says otherwise.
const VARIABLE: &str = "E2E_KILLS";
const KILLS: usize = 20;

/// Within so much time after the end of a supervisor everybody is gone, however busy the machine.
const SOON: u64 = 3000;

/// How long others on the machine, and the kernel, may take to be done with what they share with us.
const PATIENCE: Duration = Duration::from_secs(20);

fn random(suite: &Suite) -> Kept {
    let kills = env::var(VARIABLE).map_or(Ok(KILLS), |text| text.parse())?;
    let trials = Trials::new(suite)?;
    let began = Instant::now();
    let never = u32::MAX.to_string();
    trials.judge(&trials.run(&["kill_one", &never, "0"])?)?;
    let longest = u64::try_from(began.elapsed().as_micros())?;
    let before = Host::now()?;
    let (mut broken, mut killed) = (Vec::new(), BTreeMap::<String, usize>::new());
    for round in 0..kills {
        // Every hasher has a key of its own.
        let random = RandomState::new().hash_one(round);
        let (after, victim) = (random % longest, (random >> 32).to_string());
        let seen = trials.run(&["kill_one", &after.to_string(), &victim])?;
        let role = seen.facts("killed").pop().unwrap_or_else(|| "nobody".to_owned());
        let soon =
            seen.facts("gone_after").iter().all(|time| time.parse().is_ok_and(|time: u64| time < SOON));
        if let Err(error) = trials.judge_killed(&seen, &role) {
            broken.push(format!("{role} after {after} µs: {}", error.message().unwrap_or_default()));
        } else if !soon {
            broken.push(format!("{role} after {after} µs: {:?}", seen.facts("gone_after")));
        }
        *killed.entry(role).or_default() += 1;
    }
    trials.close()?;
    assert!(killed.len() > 3 || kills < KILLS, "control: {killed:?}");
    assert!(broken.is_empty(), "{} of {kills}, {killed:?}:\n{}", broken.len(), broken.join("\n"));
    let mut after = Host::now()?;
    let same = eventually(PATIENCE, || {
        Host::now().is_ok_and(|now| {
            after = now;
            before.differences(&after).is_empty()
        })
    });
    assert!(same, "{:?}", before.differences(&after));
    Ok(())
}

/// What a run could leave changed on the host.
#[derive(Debug)]
struct Host {
    mounts: String,
    /// Of this user.
    keyrings: usize,
    sockets: usize,
    sysctls: BTreeMap<PathBuf, Vec<u8>>,
}

/// So many keyrings and sockets others may have made meanwhile.
const FEW: usize = 10;

impl Host {
    fn now() -> Result<Self, Failed> {
        let keys = fs::read_to_string("/proc/keys").unwrap_or_default();
        let sockets = fs::read_to_string("/proc/net/unix")?;
        let mut sysctls = BTreeMap::new();
        settings(Path::new("/proc/sys"), &mut sysctls);
        // It is the last process that was started, whoever did that.
        sysctls.remove(Path::new("/proc/sys/kernel/ns_last_pid"));
        let first = sysctls.clone();
        // What changes by itself is no setting.
        sleep(Duration::from_millis(100));
        sysctls.retain(|path, value| fs::read(path).is_ok_and(|now| now == *value));
        assert!(sysctls.len() * 10 > first.len() * 9, "control: {} of {}", sysctls.len(), first.len());
        Ok(Self {
            mounts: fs::read_to_string("/proc/self/mountinfo")?,
            keyrings: keys.lines().filter(|line| line.contains(" keyring ")).count(),
            sockets: sockets.lines().filter(|line| line.contains(" @")).count(),
            sysctls,
        })
    }

    fn differences(&self, after: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.mounts != after.mounts {
            differences.push(format!("mounts: {} {}", self.mounts, after.mounts));
        }
        for (what, before, now) in
            [("keyrings", self.keyrings, after.keyrings), ("sockets", self.sockets, after.sockets)]
        {
            if now > before + FEW {
                differences.push(format!("{what}: {before} {now}"));
            }
        }
        for (path, value) in &self.sysctls {
            if after.sysctls.get(path).is_some_and(|now| now != value) {
                differences.push(format!("{}", path.display()));
            }
        }
        differences
    }
}

/// Those that may be written and read.
fn settings(directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    use std::os::unix::fs::MetadataExt;
    const OF_OWNER: u32 = 0o600;
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => settings(&path, found),
            Ok(meta) if meta.mode() & OF_OWNER == OF_OWNER => {
                if let Ok(value) = fs::read(&path) {
                    found.insert(path, value);
                }
            }
            _ => {}
        }
    }
}
