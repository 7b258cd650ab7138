//! Tests facts about a host that are found in what kernels wrote into `/proc` (`fixtures/kernel`).

use super::{cgroups, extents};
use procfs::process::{MountInfos, SmapsRollup};
use procfs::{FromRead, Meminfo, ProcessCGroups};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the directories of all recordings, with the layouts they are named for.
fn recordings() -> Vec<(String, PathBuf)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/kernel");
    let names = fs::read_dir(&top).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: Vec<_> = names
        .map(|name| (name.split('-').next().unwrap().to_owned(), top.join(&name).join("proc")))
        .collect();
    assert!(found.len() >= 8, "{found:?}");
    found
}

#[test]
fn each_layout_of_cgroups_is_told_by_its_mounts() {
    for (layout, proc) in recordings() {
        let mounts = MountInfos::from_file(proc.join("mountinfo")).unwrap();
        let memberships = ProcessCGroups::from_file(proc.join("cgroup")).unwrap();
        let found = cgroups(&memberships.0, &mounts.0);
        let unified = found.iter().filter(|mount| mount.unified).count();
        assert_eq!(unified, usize::from(layout != "v1"), "{}", proc.display());
        for controller in ["memory", "pids", "cpu", "cpuacct", "blkio"] {
            let serves = |names: &[String]| names.iter().any(|name| name == controller);
            let mount = found.iter().find(|mount| serves(&mount.controllers));
            assert_eq!(mount.is_some(), layout != "v2", "{controller} in {}", proc.display());
            assert!(mount.is_none_or(|mount| mount.own.ends_with("recorded")), "{mount:?}");
        }
        assert!(found.iter().filter(|mount| mount.unified).all(|mount| mount.own.ends_with("recorded")));
    }
}

#[test]
fn all_ids_are_mapped_outside_of_any_user_namespace() {
    for (_, proc) in recordings() {
        assert_eq!(extents(&fs::read_to_string(proc.join("uid_map")).unwrap()), [(0, u32::MAX)]);
    }
}

#[test]
fn memory_is_told_of_the_machine_and_of_a_process() {
    for (_, proc) in recordings() {
        let machine = Meminfo::from_file(proc.join("meminfo")).unwrap();
        assert!(machine.mem_total > 512 << 20, "{}", machine.mem_total);
        let process = SmapsRollup::from_file(proc.join("smaps_rollup")).unwrap();
        let figures = &process.memory_map_rollup.0.first().unwrap().extension.map;
        assert!(figures.get("Pss").is_some_and(|bytes| *bytes > 4096), "{figures:?}");
    }
}
