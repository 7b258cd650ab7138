//! Calls of the program on a host that refuses something: a shell that is root in namespaces of its own takes it away
//! from itself, and the host's other users keep it.

use crate::call::{Ended, isotest};
use crate::project::Project;
use std::process::{Command, Stdio};

/// Executes a script in which `$0` is the program.
pub(crate) fn shell(script: &str) -> Ended {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    let output = command.arg(env!("CARGO_BIN_EXE_cargo-isotest")).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A script that executes the tests of a project with these flags. They are built before that.
pub(crate) fn execution(project: &Project, flags: &str) -> String {
    isotest(project).arguments(["list"]).run().with_code(0);
    let (directory, target) = (project.directory.display(), project.target.display());
    format!("cd {directory} && exec $0 --target-dir {target} {flags}")
}
