//! Controllers that limits need: found and enabled; and whether the kernel takes the limits here.

use super::attempt_cgroup::{make_directory, remove_if_there, set};
use super::run_cgroup::{Cgroups, weigh};
use super::version::Version;
use super::{Hierarchy, v2};
use crate::host::Host;
use crate::limits::{Control, Limits};
use std::fs;
use std::io;

/// Name of the directory in which limits are tried.
const TRIAL: &str = "trial";

impl Cgroups {
    /// Makes sure that these limits can be set, by setting them once; returns those that cannot, and why.
    pub fn prepare_limits(&mut self, limits: &Limits, host: &Host) -> Vec<(Control, String)> {
        let unmet = self.control(&limits.controls(), host);
        if unmet.is_empty() { self.try_limits(limits) } else { unmet }
    }

    /// Sets limits once, with the controllers that are in use; returns those that the kernel does not take, and why.
    pub fn try_limits(&self, limits: &Limits) -> Vec<(Control, String)> {
        self.hierarchies.iter().filter_map(|hierarchy| self.try_in(hierarchy, limits).err()).collect()
    }

    /// Takes further controllers into use; returns those that cannot be had, and why.
    pub fn control(&mut self, controls: &[Control], host: &Host) -> Vec<(Control, String)> {
        let mut unmet = Vec::new();
        for control in controls {
            if let Err(reason) = self.take(*control, host) {
                unmet.push((*control, reason));
            }
        }
        unmet
    }

    /// Returns whether limits of this kind can be set.
    pub fn can(&self, control: Control) -> bool {
        self.hierarchies.iter().any(|hierarchy| hierarchy.controls.contains(&control))
    }

    fn take(&mut self, control: Control, host: &Host) -> Result<(), String> {
        if self.can(control) {
            return Ok(());
        }
        if control == Control::Io {
            self.devices =
                block_devices().map_err(|error| format!("no block device can be told: {error}"))?;
        }
        if self.take_unified(control, host)? {
            return Ok(());
        }
        let name = Version::V1.controller(control);
        let mount = host.cgroups.iter().find(|mount| mount.controllers.iter().any(|carried| carried == name));
        match mount {
            Some(mount) => {
                self.v1(mount, host.ids.uid)?.controls.push(control);
                Ok(())
            }
            None => Err(format!("the `{}` controller is not handed on to this process", control.as_str())),
        }
    }

    /// Takes a controller of version 2 into use; returns false if version 2 does not have it here.
    fn take_unified(&mut self, control: Control, host: &Host) -> Result<bool, String> {
        let name = Version::V2.controller(control);
        let mount = host.cgroups.iter().find(|mount| mount.unified);
        let hierarchy = self.hierarchies.iter_mut().find(|hierarchy| hierarchy.version == Version::V2);
        let (Some(mount), Some(hierarchy)) = (mount, hierarchy) else { return Ok(false) };
        let base = hierarchy.run.parent().unwrap_or(&hierarchy.run);
        let offered = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
        if !offered.split_whitespace().any(|one| one == name) {
            return Ok(false);
        }
        let moved = match &mut self.moved {
            Some(moved) => moved,
            none => none.insert(v2::move_supervisor(&mount.own, base, &hierarchy.run)?),
        };
        moved.enable(name, &hierarchy.run)?;
        weigh(&hierarchy.run);
        hierarchy.controls.push(control);
        Ok(true)
    }

    fn try_in(&self, hierarchy: &Hierarchy, limits: &Limits) -> Result<(), (Control, String)> {
        for control in &hierarchy.controls {
            let settings = hierarchy.version.settings(limits, *control, &self.devices);
            if settings.is_empty() {
                continue;
            }
            let refused = |what: &str, error: io::Error| {
                (*control, format!("could not {what} in `{}`: {error}", hierarchy.run.display()))
            };
            let trial =
                make_directory(&hierarchy.handle, TRIAL).map_err(|error| refused("make a cgroup", error))?;
            let tried = settings.iter().try_for_each(|setting| {
                let written = set(&trial, setting).map(drop);
                written.map_err(|error| {
                    refused(&format!("write `{}` to `{}`", setting.value, setting.file), error)
                })
            });
            remove_if_there(&hierarchy.handle, TRIAL).map_err(|error| refused("remove a cgroup", error))?;
            tried?;
        }
        Ok(())
    }
}

/// Reads the device numbers of all block devices with something on them.
fn block_devices() -> io::Result<Vec<String>> {
    let mut devices = Vec::new();
    for entry in fs::read_dir("/sys/block")?.flatten() {
        let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        if !matches!(read("size").trim(), "" | "0") {
            devices.push(read("dev").trim().to_owned());
        }
    }
    devices.sort();
    Ok(devices)
}
