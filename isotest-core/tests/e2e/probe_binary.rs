//! The probe of this build.

use libtest_mimic::Failed;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cargo, where it is at hand, makes sure that it is there and as new as its sources.
pub(crate) fn probe() -> Result<PathBuf, Failed> {
    let own = env::current_exe()?;
    if let (Some(cargo), Some(directory)) = (env::var_os("CARGO"), built_in(&own)) {
        build_probe(Path::new(&cargo), directory)?;
    }
    find_probe()
}

pub(crate) fn find_probe() -> Result<PathBuf, Failed> {
    let own = env::current_exe()?;
    let mut candidates = [own.parent(), built_in(&own)].into_iter().flatten().map(|path| path.join("probe"));
    let found = candidates.find(|path| path.exists());
    found.ok_or_else(|| "no `probe` beside this program; build it with `cargo build -p probes`".into())
}

/// Where cargo puts programs, if it built this one.
fn built_in(own: &Path) -> Option<&Path> {
    own.parent().filter(|directory| directory.ends_with("deps"))?.parent()
}

fn build_probe(cargo: &Path, directory: &Path) -> Result<(), Failed> {
    let target = directory.parent().ok_or("no target directory")?;
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", "probes", "--profile", profile, "--target-dir"])
        .arg(target)
        .arg("--manifest-path")
        .arg(manifest)
        .status()?;
    if status.success() { Ok(()) } else { Err("the probe does not build".into()) }
}
