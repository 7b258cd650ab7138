//! So few processes and threads are allowed that some of ours are refused: the run ends in order and says what to do.

use crate::call::{Call, Ended, bare, isotest};
use crate::host::own_cgroup;
use crate::project::Project;
use nix::unistd::Uid;
use std::fs;
use std::io::{Write, stderr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const ADVICE: &str = "a limit on processes and threads is reached: raise it (`ulimit -u`";

/// Where the processes and threads of one call, and of nothing else, are counted.
struct Counted {
    /// For root, to whom rlimits do not apply: a cgroup. For others it is a user namespace.
    cgroup: Option<PathBuf>,
    /// For scripts.
    place: TempDir,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            fs::remove_dir(cgroup).unwrap();
        }
    }
}

impl Counted {
    /// `None`, and a word about it, for root where no cgroup counts processes.
    fn new() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        if !Uid::effective().is_root() {
            return Some(Self { cgroup: None, place });
        }
        let cgroup = own_cgroup("pids").map(|own| own.join(place.path().file_name().unwrap()));
        if let Some(cgroup) = cgroup.filter(|cgroup| fs::create_dir(cgroup).is_ok()) {
            let counted = Self { cgroup: Some(cgroup.clone()), place };
            if cgroup.join("pids.max").exists() {
                return Some(counted);
            }
        }
        // Not by a macro, which would keep it from whoever executes the tests.
        let _ = writeln!(stderr(), "skipped: no cgroup counts processes");
        None
    }

    /// What allows so many from then on, to `pid` as a shell says it.
    fn limit(&self, most: usize, pid: &str) -> String {
        match &self.cgroup {
            Some(cgroup) => format!("echo {most} > '{}/pids.max'", cgroup.display()),
            None => format!("prlimit --nproc={most} --pid {pid}"),
        }
    }

    /// The call made where it is counted, after `script`.
    fn call(&self, mut call: Call, script: &str) -> Call {
        let program = call.command.get_program().to_owned();
        let mut command = match &self.cgroup {
            Some(_) => Command::new("sh"),
            None => Command::new("unshare"),
        };
        let enter =
            self.cgroup.as_ref().map(|cgroup| format!("echo $$ > '{}/cgroup.procs'\n", cgroup.display()));
        if enter.is_none() {
            command.args(["--user", "--map-current-user", "sh"]);
        }
        let script = format!("set -e\n{}{script}\nexec \"$@\"", enter.unwrap_or_default());
        command.args(["-c", &script, "sh"]).arg(program);
        command.env_clear().envs(call.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = call.command.get_current_dir() {
            command.current_dir(directory);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        call.command = command;
        call
    }

    /// A run of a project whose supervisor may have so many processes and threads once the tests are built.
    fn run(&self, most: usize) -> Ended {
        // Called by the reaper of the build, whose parent is the supervisor. What that asks of the compiler beside the
        // build, it asks in a second thread.
        let script = format!(
            "#!/bin/sh\n'{}' \"$@\"\nstatus=$?\ncase \" $* \" in *' --message-format '*)\n\
             supervisor=$(cut -d' ' -f4 /proc/$PPID/stat)\n\
             while [ $(ls /proc/$supervisor/task | wc -l) -gt 1 ]; do sleep 0.01; done\n{} ;;\nesac\nexit $status\n",
            std::env::var("CARGO").unwrap(),
            self.limit(most, "$supervisor")
        );
        let cargo = self.place.path().join("cargo");
        fs::write(&cargo, script).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        let call = isotest(&Project::fixture("passing")).arguments(["-j", "2"]).variable("CARGO", cargo);
        // The call before has left its limit.
        let unlimited =
            self.cgroup.as_ref().map(|cgroup| format!("echo max > '{}/pids.max'", cgroup.display()));
        self.call(call, &unlimited.unwrap_or_default()).run()
    }
}

/// It has said what was refused, and what helps.
#[track_caller]
fn is_in_order(ended: &Ended, most: usize) {
    let said = ended.stdout.clone() + &ended.stderr;
    match ended.status.code() {
        Some(0 | 100) => {}
        Some(97 | 98) => {
            assert!(said.contains("(os error 11)") && said.contains(ADVICE), "{most} allowed: {ended:#?}");
        }
        _ => panic!("{most} allowed: {ended:#?}"),
    }
    assert!(
        !said.contains("cargo-isotest panicked") && !said.contains("panicked at cargo-isotest"),
        "{ended:#?}"
    );
}

#[test]
fn a_thread_that_is_refused_ends_the_run_in_order() {
    let Some(counted) = Counted::new() else { return };
    let first = counted.run(1).with_code(97);
    is_in_order(&first, 1);
    assert!(first.stderr.contains("cannot start a thread for a job slot"), "{}", first.stderr);
    for most in 2..=12 {
        is_in_order(&counted.run(most), most);
    }
    counted.run(60).with_code(0);
}

#[test]
fn a_command_ends_in_order_however_few_processes_there_may_be() {
    let Some(counted) = Counted::new() else { return };
    let exec = |most| {
        let call = bare().arguments(["exec", "--", "true"]).within(Path::new("/usr"));
        counted.call(call, &counted.limit(most, "$$")).run()
    };
    is_in_order(&exec(1).with_code(97), 1);
    let mut without_answers = 0;
    for most in 2..=8 {
        let ended = exec(most);
        is_in_order(&ended, most);
        without_answers += ended.stderr.matches("`cargo isotest ps` cannot show this run: Resource").count();
    }
    assert_eq!(without_answers, 1, "just enough for a zygote is too few for the thread that answers `ps`");
    exec(60).with_code(0);
}

#[test]
fn cargo_that_may_not_be_started_is_not_to_be_installed() {
    let Some(counted) = Counted::new() else { return };
    let call = isotest(&Project::fixture("passing"));
    let ended = counted.call(call, &counted.limit(1, "$$")).run();
    assert!(ended.stderr.contains("(os error 11)") && ended.stderr.contains(ADVICE), "{}", ended.stderr);
    assert!(!ended.stderr.contains("install"), "{}", ended.stderr);
}
