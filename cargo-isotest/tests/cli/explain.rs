//! `explain`: the script it prints leads to what a sandbox is.

use crate::call::{Call, Ended, PublicCopy, bare, isotest};
use crate::host;
use crate::project::Project;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Somebody who is nobody here.
const USER: u32 = 61_234;

/// Everything a program can see of the sandbox it is in, without what differs from one to the next, without the cgroups
/// that other runs have in hierarchies of the host, and who owns `/dev/pts`: to mount(8) a user must be root, who is
/// somebody else inside.
const LOOK: &str = "echo '== mounts'; cat /proc/self/mountinfo; echo '== ids'; id; grep Cap /proc/self/status; \
    echo '== cgroup'; sed -E 's,/(explained-[0-9]+|isotest-[0-9-]+/(cell-)?[0-9]+),/its-name,' /proc/self/cgroup; ls /sys/fs/cgroup/* | grep -vE '^(isotest|explained)-'; echo '== network'; ls /sys/class/net; \
    cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/net/core/somaxconn; echo '== namespaces'; \
    for n in user pid mnt net ipc uts cgroup; do readlink /proc/self/ns/$n; done; \
    echo '== environment'; env | grep -v -e ^_= -e ^TRIAL_CALL= | sort; echo '== here'; pwd; stat -c '%A %u %g %N' . / /* /dev/* /run/* | grep -v /dev/pts; \
    echo '== processes'; cat /proc/sys/kernel/hostname; tty";

/// One mount as it is seen: type and flags.
type Mounts = BTreeMap<String, (String, String)>;

/// Calls, as root or as an ordinary user.
struct Caller {
    uid: Option<u32>,
    place: tempfile::TempDir,
    copy: PublicCopy,
}

impl Caller {
    fn new(uid: Option<u32>) -> Self {
        let place = tempfile::tempdir().unwrap();
        chown(place.path(), uid, uid).unwrap();
        Self { uid, place, copy: PublicCopy::new() }
    }

    fn as_caller(&self, call: Call) -> Call {
        let call = call.by(&self.copy.program());
        let mut call = call.within(self.place.path()).variable("HOME", self.place.path());
        for name in ["CARGO_HOME", "RUSTUP_HOME"] {
            call.command.env_remove(name);
        }
        if let Some(uid) = self.uid {
            call.command.uid(uid).gid(uid);
        }
        call
    }

    fn exec(&self, flags: &[&str], text: &str) -> Ended {
        let call = bare().arguments(["exec", "--quiet"]).arguments(flags).arguments(["--", "sh", "-c", text]);
        self.as_caller(call).run()
    }

    /// Executes what is printed for the same command.
    fn script(&self, flags: &[&str], text: &str) -> Ended {
        let call = bare().arguments(["explain"]).arguments(flags).arguments(["--", "sh", "-c", text]);
        let explained = self.as_caller(call).run().with_code(0);
        self.execute(&explained.stdout)
    }

    fn execute(&self, script: &str) -> Ended {
        let file = self.place.path().join("explained.sh");
        fs::write(&file, script).unwrap();
        let mut call = self.as_caller(bare());
        let of_call = std::mem::replace(&mut call.command, Command::new("sh"));
        call.command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .arg(&file)
            .env_clear()
            .current_dir(self.place.path());
        call.command.envs(of_call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(uid) = self.uid {
            call.command.uid(uid).gid(uid);
        }
        let child = call.command.stdin(Stdio::null()).spawn().unwrap();
        let name = format!("explained-{}", child.id());
        let output = child.wait_with_output().unwrap();
        let left: Vec<_> =
            host::cgroups_named(&name).into_iter().filter(|path| path.ends_with(&name)).collect();
        assert!(left.is_empty(), "it leaves {left:?} behind");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        fs::remove_file(&file).unwrap();
        Ended { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Root, and an ordinary user; a caller who is not root is that user.
fn callers() -> Vec<Caller> {
    if nix::unistd::geteuid().is_root() {
        vec![Caller::new(None), Caller::new(Some(USER))]
    } else {
        vec![Caller::new(None)]
    }
}

/// The part of what was seen with this heading.
fn part<'a>(seen: &'a Ended, heading: &str) -> &'a str {
    let from = seen.stdout.split_once(&format!("== {heading}\n"));
    let (_, rest) = from.unwrap_or_else(|| panic!("no {heading} in {seen:#?}"));
    rest.split("== ").next().unwrap()
}

/// Those mounts that nothing covers.
fn visible(mountinfo: &str) -> Mounts {
    let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = mountinfo.lines().map(fields).collect();
    let is_below = |path: &str, top: &str| Path::new(path).starts_with(top);
    // By mount (0), parent (1) and mount point (4), as proc_pid_mountinfo(5) counts them from 1.
    let is_covered = |line: &Vec<String>| {
        let mut line = line;
        loop {
            let on_top = |other: &&Vec<String>| other[1] == line[0] && other[4] == line[4];
            let beside = |other: &&Vec<String>| {
                other[1] == line[1]
                    && other[0] != line[0]
                    && other[4] != line[4]
                    && is_below(&line[4], &other[4])
            };
            if lines.iter().any(|other| on_top(&other) || beside(&other)) {
                return true;
            }
            match lines.iter().find(|parent| parent[0] == line[1] && parent[0] != line[0]) {
                // What is mounted on the parent at this very place does not cover what is mounted there.
                Some(parent) if parent[4] == line[4] => return false,
                Some(parent) => line = parent,
                None => return false,
            }
        }
    };
    let seen = lines.iter().filter(|line| !is_covered(line));
    let kind = |line: &[String]| line[line.iter().position(|field| field == "-").unwrap() + 1].clone();
    seen.map(|line| (line[4].clone(), (kind(line), line[5].clone()))).collect()
}

/// The namespaces that are the host's.
fn shared(seen: &Ended) -> BTreeSet<String> {
    let host = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"]
        .map(|name| fs::read_link(format!("/proc/self/ns/{name}")).unwrap());
    let host = host.map(|link| link.to_str().unwrap().to_owned());
    part(seen, "namespaces").lines().map(str::to_owned).filter(|link| host.contains(link)).collect()
}

#[track_caller]
fn assert_same(by_us: &Ended, by_script: &Ended) {
    assert_eq!(by_script.status.code(), by_us.status.code(), "{by_us:#?} {by_script:#?}");
    let mounts = |seen| visible(part(seen, "mounts"));
    assert!(mounts(by_us).len() > 15, "{:#?}", mounts(by_us));
    assert_eq!(mounts(by_script), mounts(by_us));
    for heading in ["ids", "cgroup", "network", "environment", "here", "processes"] {
        assert_eq!(part(by_script, heading), part(by_us, heading), "{heading}");
    }
    assert_eq!(shared(by_script), shared(by_us));
}

#[test]
fn the_script_leads_to_the_same_namespaces_and_mounts() {
    for caller in callers() {
        let plain = caller.exec(&[], LOOK);
        assert_same(&plain, &caller.script(&[], LOOK));
        for flags in [
            &["--network", "host"][..],
            &["--network", "own", "--off", "uts,ipc,cgroup"],
            &["--bind", "/var/tmp:rw", "--keep", "."],
            &["--off", "copy-on-write"],
        ] {
            let by_us = caller.exec(flags, LOOK);
            assert_same(&by_us, &caller.script(flags, LOOK));
            // The control: whatever flags change is seen here.
            let seen = |ended: &Ended| (visible(part(ended, "mounts")), shared(ended));
            assert_ne!(seen(&by_us), seen(&plain), "{flags:?}");
        }
    }
}

/// In a `/run` with a service: what is seen there outside, in a sandbox, and where the script leads.
const BESIDE_A_SERVICE: &str = "mount -t tmpfs -o mode=755 run /run; mkdir -p /run/service/deep /run/service/empty; \
    chmod 750 /run/service; echo there > /run/service/deep/file; ln -s deep/file /run/service/link; \
    touch /run/service/deep/socket; mount --bind \"$2\" /run/service/deep/socket; sh -c \"$3\" > outside; \
    \"$1\" isotest exec --quiet -- sh -c \"$3\" > by-us; \"$1\" isotest explain -- sh -c \"$3\" > script; sh script > by-script";

#[test]
fn the_script_shows_no_service_either() {
    let caller = Caller::new(None);
    let place = caller.place.path();
    let _listening = UnixListener::bind(place.join("socket")).unwrap();
    let mut call = caller.as_caller(bare());
    let program = call.command.get_program().to_owned();
    let variables: Vec<_> =
        call.command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
    let mut command = Command::new("unshare");
    command.env_clear().envs(variables).current_dir(place);
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let look = "cd /run; cat service/link; find service -exec stat -c '%A %u %g %N' {} + | sort";
    command.args(["--mount", "sh", "-ec", BESIDE_A_SERVICE, "sh"]).arg(program).arg(place.join("socket"));
    command.arg(look).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    call.command = command;
    call.run().with_code(0);
    let seen = |name: &str| fs::read_to_string(place.join(name)).unwrap();
    assert!(seen("by-us").starts_with("there\n") && !seen("by-us").contains("socket"), "{}", seen("by-us"));
    assert_eq!(seen("by-script"), seen("by-us"));
    let is_no_socket = |line: &&str| !line.contains("socket");
    let rest: Vec<_> = seen("outside").lines().filter(is_no_socket).map(str::to_owned).collect();
    assert_eq!(rest, seen("by-us").lines().collect::<Vec<_>>());
    assert!(seen("outside").contains("service/deep/socket"), "control");
}

#[test]
fn what_the_script_s_program_ends_with_is_what_it_ends_with() {
    for caller in callers() {
        assert_eq!(caller.script(&[], "exit 7").status.code(), Some(7));
        assert_eq!(caller.script(&["--timeout", "200ms"], "sleep 60").status.code(), Some(124));
        let kept = caller.script(&["--keep", "."], "echo kept > kept; echo gone > /tmp/gone; cat /tmp/gone");
        assert_eq!((kept.stdout.as_str(), caller.place.path().join("kept").exists()), ("gone\n", true));
        let thrown_away = caller.script(&[], "rm kept; echo new > new; ls");
        assert!(thrown_away.stdout.ends_with("new\n"), "{thrown_away:#?}");
        assert!(caller.place.path().join("kept").exists() && !caller.place.path().join("new").exists());
    }
}

#[test]
fn the_script_sets_the_same_limits() {
    let caller = Caller::new(None);
    if caller.exec(&["--require", "memory,pids"], "true").status.code() == Some(97) {
        // Nobody who may not measure may limit.
        assert!(!nix::unistd::geteuid().is_root());
        return;
    }
    let memory = "head -c 150M /dev/zero | tail -c 150M | wc -c";
    let limit = ["--memory-limit", "64MiB"];
    let output =
        |flags: &[&str], text: &str| [caller.exec(flags, text).stdout, caller.script(flags, text).stdout];
    assert_eq!(output(&[], memory), ["157286400\n"; 2], "control");
    assert_eq!(output(&limit, memory), ["0\n"; 2]);
    let processes = "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 60 & echo $n; done";
    assert!(output(&[], processes).iter().all(|said| said.ends_with("12\n")), "control");
    let [by_us, by_script] = output(&["--pids-limit", "8"], processes);
    assert_eq!((by_us.as_str(), by_script.as_str()), ("1\n2\n3\n4\n5\n6\n7\n", by_us.as_str()));
}

#[test]
fn a_test_is_explained_by_its_name() {
    let tour = Project::fixture("tour");
    let explained = isotest(&tour).arguments(["explain", "makes_a_scratch"]).run().with_code(0).stdout;
    assert!(explained.contains("the test `tour::files makes_a_scratch_file`"), "{explained}");
    let caller = Caller::new(None);
    let ended = caller.execute(&explained);
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert!(ended.stdout.contains("test makes_a_scratch_file ... ok"), "{ended:#?}");
    let failing = isotest(&tour).arguments(["explain", "rejects_nul"]).run().with_code(0).stdout;
    assert_eq!(caller.execute(&failing).status.code(), Some(101));
    let several = isotest(&tour).arguments(["explain", "makes"]).run().with_code(2);
    assert!(several.stderr.contains("`makes` matches 2 tests: "), "{}", several.stderr);
    isotest(&tour).arguments(["explain", "no_such_test"]).run().with_code(4);
    bare().arguments(["explain"]).run().with_code(2);
}
