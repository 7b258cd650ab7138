//! Mounts of one attempt over the template: its private directories, its copy-on-write views, its cgroup.

use crate::plan::{Content, Layer, Private};
use crate::sandbox::mounts;
use crate::sandbox::scratch_paths;
use crate::step::{PlanEntry, Step, StepError};
use nix::unistd::chdir;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Descriptors and paths by which the files written in the copy-on-write views are found.
#[derive(Debug)]
pub(super) struct Views {
    /// Hidden directory, which nothing but this descriptor reaches any more.
    pub(super) hidden: File,
    /// Upper layer of each view.
    pub(super) uppers: Vec<Upper>,
}

/// Upper layer of one copy-on-write view: it holds the files that were written.
#[derive(Debug, Default)]
pub(super) struct Upper {
    /// Path of the upper layer in the hidden directory.
    pub(super) directory: PathBuf,
    /// Path of its lower layer in the hidden directory.
    pub(super) lower: PathBuf,
    /// Path in the hidden directory at which both layers are seen as one.
    pub(super) view: PathBuf,
    /// Path at which the workload sees the view.
    pub(super) path: PathBuf,
}

/// Mounts all layers of an attempt; `cgroup` is the attempt's directory below each of the run's cgroup directories,
/// and `scratch` its place to write.
///
/// # Errors
/// The step that failed.
pub(super) fn mount(private: &Private, scratch: &Path, cgroup: Option<&str>) -> Result<Views, StepError> {
    let hidden = Step::MakeLayers.run(|| File::open("."))?;
    let mut uppers = Vec::new();
    let mut taken = Vec::new();
    // All layers are opened before the first is attached, as a layer may cover the source of the next.
    for (n, layer) in private.layers.iter().enumerate() {
        let mount = Step::MakeLayers
            .at(PlanEntry::Layer(n), layer.path.display(), || take(n, layer, scratch, &mut uppers))?;
        taken.push((Step::AttachLayers, mount, layer.path.as_path()));
    }
    if let Some(cgroup) = cgroup {
        for view in &private.cgroups {
            let mount = Step::ShowCgroup
                .on(view.path.display(), || mounts::detached_copy(&view.from.join(cgroup), false))?;
            // Whoever removes the cgroup in between is in the way of this, too.
            taken.push((Step::ShowCgroup, mount, view.path.as_path()));
        }
    }
    // Leaves the hidden directory, which no process but the zygote sees.
    Step::AttachLayers.run(|| chdir("/"))?;
    for (step, mount, path) in taken {
        step.on(path.display(), || mounts::attach(&mount, path))?;
    }
    Ok(Views { hidden, uppers })
}

fn take(n: usize, layer: &Layer, scratch: &Path, uppers: &mut Vec<Upper>) -> io::Result<OwnedFd> {
    match &layer.content {
        Content::Private { .. } => {
            mounts::detached_copy(&scratch_paths::private_directory(scratch, n), false)
        }
        Content::CopyOnWrite { from } => {
            let (directory, view) = (scratch_paths::upper(scratch, n), scratch_paths::view(scratch, n));
            let copy = mounts::detached_copy(&view, false)?;
            uppers.push(Upper { directory, lower: from.clone(), view, path: layer.path.clone() });
            Ok(copy)
        }
        Content::Again { from } => mounts::detached_copy(from, true),
    }
}
