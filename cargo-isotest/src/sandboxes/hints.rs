//! Remarks on failures that the sandbox explains: failures that the kernel counted, paths of the host that the
//! sandbox hides, and error numbers that the sandbox can cause on this host and for this user.

use crate::text::units::{memory, plural};
use isotest_core::host::{Host, cow_sources};
use isotest_core::outcome::NetworkFailures;
use isotest_core::plan::{Entry, Network, Template};
use isotest_core::record::{Captured, Record};
use isotest_core::root_limits;
use memchr::memmem;
use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

/// Maximum number of paths of an output that are looked up on the host.
const MOST_PATHS: usize = 1000;
const LONGEST_PATH: usize = 4096;

/// Kind of the user who executes tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum User {
    Root,
    #[default]
    Ordinary,
}

/// Facts of host and sandbox on which remarks depend.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ground {
    user: User,
    /// Whether every owner and group of a file has an id in the sandbox.
    maps_everybody: bool,
    /// Whether a tmpfs lacks user attributes on this kernel, as well as other features that are as recent.
    lacks_attributes: bool,
    /// Number of bytes that a test may lock, if the user who executes it may lock more.
    locked_memory: Option<u64>,
    /// Whether tests have no network but a loopback interface.
    loopback_only: bool,
    /// Maximum size of the temporary and the copy-on-write directories of a test, in bytes.
    tmpfs_bytes: u64,
    jobs: usize,
    /// Paths of `/run` that tests see.
    shown: Vec<PathBuf>,
}

impl Ground {
    /// Returns the facts of tests with this template, of which `jobs` are executed at once.
    pub(crate) fn new(host: &Host, template: &Template, jobs: NonZeroUsize) -> Self {
        Self {
            user: if host.ids.uid == 0 { User::Root } else { User::Ordinary },
            maps_everybody: host.ids.maps_everybody(),
            lacks_attributes: !cow_sources::tmpfs_keeps_attributes(),
            locked_memory: root_limits::locked_memory(),
            loopback_only: template.network != Network::Host,
            tmpfs_bytes: template.private.tmpfs_bytes,
            jobs: jobs.get(),
            shown: Vec::new(),
        }
    }

    /// Returns the facts of a test that has a template of its own.
    pub(crate) fn with(&self, template: &Template) -> Self {
        let bound = template.tree.iter().filter_map(|entry| match entry {
            Entry::Bind { to, .. } => Some(to),
            _ => None,
        });
        let of_run = bound.chain(template.private.layers.iter().map(|layer| &layer.path));
        let shown = of_run.filter(|path| path.starts_with("/run")).cloned().collect();
        Self { loopback_only: template.network != Network::Host, shown, ..self.clone() }
    }

    /// Returns whether the kernel refuses to remove directories that are not new.
    fn keeps_directories(&self) -> bool {
        self.user == User::Ordinary && self.lacks_attributes
    }
}

/// Adds remarks that may explain the failure to the record of a failed test.
pub(crate) fn remark(record: &mut Record, ground: &Ground) {
    let failures = record.ending.as_ref().map(|ending| ending.network).unwrap_or_default();
    let outputs = [&record.stdout, &record.stderr];
    let says = |words: &[&str]| words.iter().any(|words| holds(outputs, words));
    let mut remarks = Vec::new();
    if ground.loopback_only {
        if failures.unreachable > 0 || says(&NO_WAY) {
            remarks
                .push("tests do not reach the host's network; `--network host` gives it to them".to_owned());
        } else if let Some(refused) = refused(failures) {
            remarks.push(format!(
                "{refused} found nobody who listened: a test has a `127.0.0.1` of its own, at which no service of \
                 the host listens; `--network host` gives it the host's"
            ));
        }
    }
    remarks.extend(hidden_socket(outputs, &ground.shown));
    let errors = ERRORS.iter().filter(|error| (error.may_be)(ground) && says(error.words));
    remarks.extend(errors.map(|error| (error.remark)(ground)));
    record.remarks.extend(remarks);
}

/// Formats the connections and datagrams that found no listener; `None` if there are none.
fn refused(failures: NetworkFailures) -> Option<String> {
    let kinds = [(failures.connections, "connection"), (failures.datagrams, "datagram")];
    let said = kinds.into_iter().filter(|(number, _)| *number > 0);
    let said = said.map(|(number, kind)| plural(usize::try_from(number).unwrap_or(usize::MAX), kind));
    Some(said.collect::<Vec<_>>().join(" and ")).filter(|said| !said.is_empty())
}

/// Messages of programs that found no route out of a network, or asked a name server in vain. The last one is of the
/// C library.
const NO_WAY: [&str; 5] = [
    "os error 101",
    "Os { code: 101,",
    "Network is unreachable",
    "Could not resolve host",
    "Temporary failure in name resolution",
];

/// Explanation of an error number, or of the C library's name for it.
struct Explained {
    words: &'static [&'static str],
    /// Function that returns whether the sandbox can cause the error.
    may_be: fn(&Ground) -> bool,
    remark: fn(&Ground) -> String,
}

const ERRORS: [Explained; 11] = [
    Explained {
        words: &["os error 75)", "os error 75:", "Os { code: 75,", "Value too large for defined data type"],
        may_be: |ground| !ground.maps_everybody,
        remark: |_| {
            "os error 75: files and directories of other users and groups cannot be changed in a copy-on-write directory, and \
             nothing can be made in them; `--keep PATH` lets the test change the directory itself"
                .to_owned()
        },
    },
    Explained {
        words: &["os error 5)", "Os { code: 5,"],
        may_be: Ground::keeps_directories,
        remark: |_| {
            "os error 5: before Linux 6.6 only root can remove from a copy-on-write directory a directory that the test did not \
             make, or make one where something else was; `--keep PATH` lets the test change the directory itself"
                .to_owned()
        },
    },
    Explained {
        words: &["os error 12)", "Os { code: 12,", "Cannot allocate memory"],
        may_be: |ground| ground.locked_memory.is_some(),
        remark: |ground| {
            format!(
                "os error 12: a test may lock at most {} of memory, registered buffers of io_uring included; only where this \
                 limit was set can it be raised, with `--ulimit memlock=-1` for a container, `LimitMEMLOCK=infinity` for a unit of \
                 systemd",
                memory(ground.locked_memory.unwrap_or_default())
            )
        },
    },
    Explained {
        words: &["os error 95)", "Os { code: 95,", "Operation not supported"],
        may_be: |_| true,
        remark: |ground| {
            let attributes = if ground.lacks_attributes {
                ", and before Linux 6.6 neither these nor those in temporary directories have `user.*` attributes"
            } else {
                ""
            };
            format!(
                "os error 95: files in a copy-on-write directory have no handles (`name_to_handle_at`){attributes}; \
                 `--keep PATH` lets the test use the directory itself"
            )
        },
    },
    Explained {
        words: &["os error 22)", "Os { code: 22,"],
        may_be: |ground| ground.lacks_attributes,
        remark: |_| {
            "os error 22: before Linux 6.6 files in temporary and copy-on-write directories cannot be opened with `O_DIRECT`; \
             `--keep PATH` lets the test use the directory itself"
                .to_owned()
        },
    },
    Explained {
        words: &["os error 18)", "Os { code: 18,", "Invalid cross-device link"],
        may_be: |_| true,
        remark: |ground| {
            let directories = match (ground.user, ground.keeps_directories()) {
                (User::Root, _) => "",
                (User::Ordinary, false) => {
                    "; an ordinary user cannot rename a directory there that the host has, either; `--keep PATH` for the directory \
                     above it allows it"
                }
                (User::Ordinary, true) => {
                    "; before Linux 6.6 an ordinary user cannot rename a directory there, either; `--keep PATH` for the directory \
                     above it allows it"
                }
            };
            format!(
                "os error 18: the temporary directories and each copy-on-write directory are file systems of their own, \
                 between which nothing is renamed or linked{directories}"
            )
        },
    },
    Explained {
        words: &["os error 30)", "Os { code: 30,", "Read-only file system"],
        may_be: |_| true,
        remark: |_| {
            "os error 30: outside workspace, target directory, home and temporary directories the host's files are \
             read-only; `--bind PATH:rw` lets a test write to them, but to nothing below `/proc` and `/sys`, cgroups included"
                .to_owned()
        },
    },
    Explained {
        words: &["os error 28)", "Os { code: 28,", "No space left on device"],
        may_be: |_| true,
        remark: |Ground { tmpfs_bytes, jobs, .. }| {
            format!(
                "os error 28: what a test writes to temporary and copy-on-write directories is held in memory, {} MiB at most \
                 with {}; fewer jobs (`-j`) leave more, and `--keep PATH` writes to the disk",
                tmpfs_bytes >> 20,
                plural(*jobs, "job")
            )
        },
    },
    Explained {
        words: &[
            "os error 19)",
            "Os { code: 19,",
            "os error 99)",
            "Os { code: 99,",
            "Cannot assign requested address",
        ],
        may_be: |ground| ground.loopback_only,
        remark: |_| {
            "os errors 19 and 99: a test has only the network interface `lo` and the addresses of `lo`; `--network host` \
             gives it all those of the host"
                .to_owned()
        },
    },
    Explained {
        words: &["os error 1)", "Os { code: 1,", "Operation not permitted"],
        may_be: |ground| ground.user == User::Root,
        remark: |_| {
            "os error 1: root in a test is root of a user namespace, who may not do all that root of the machine may, such \
             as make device nodes, use fanotify, or set `trusted.*` attributes"
                .to_owned()
        },
    },
    Explained {
        words: &["65534", "BadOwner"],
        may_be: |ground| !ground.maps_everybody,
        remark: |_| {
            "owner 65534: in the sandbox of an ordinary user, files of everybody else, root's included, belong to 65534 \
             (nobody)"
                .to_owned()
        },
    },
];

/// Returns a remark on the first socket below `/run` that the output names, that the host has and that the sandbox
/// hides.
fn hidden_socket(outputs: [&Captured; 2], shown: &[PathBuf]) -> Option<String> {
    let texts = outputs.into_iter().flat_map(|output| [&output.head, &output.tail]);
    let is_hidden = |path: &&Path| {
        // A path of the output is looked at outside, where it must not lead elsewhere.
        let is_plain =
            path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        is_plain
            && !shown.iter().any(|shown| path.starts_with(shown))
            && fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
    };
    let mut named = texts.flat_map(|text| paths_below_run(text)).take(MOST_PATHS);
    let path = named.find(is_hidden)?.display().to_string();
    Some(format!("the host's socket `{path}` is not there for tests; `--bind {path}` shows it"))
}

/// Returns words that look like paths below `/run`.
fn paths_below_run(text: &[u8]) -> impl Iterator<Item = &Path> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-@+".contains(byte);
    let words = text.split(move |byte| !is_part(byte)).filter(|word| word.len() < LONGEST_PATH);
    let words = words.filter(|word| word.starts_with(b"/run/"));
    words.map(|word| Path::new(OsStr::from_bytes(word.trim_ascii_end().strip_suffix(b".").unwrap_or(word))))
}

fn holds(outputs: [&Captured; 2], words: &str) -> bool {
    let holds = |text: &[u8]| memmem::find(text, words.as_bytes()).is_some();
    outputs.into_iter().any(|output| holds(&output.head) || holds(&output.tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use crate::testing::errors::is_as_kept;
    use isotest_core::outcome::{Ending, Outcome};

    fn remarks(said: &str, network: NetworkFailures, ground: &Ground) -> Vec<String> {
        let mut record = builders::record(Outcome::Failed { code: 101 });
        record.stderr.head = said.into();
        record.ending = record.ending.map(|ending| Ending { network, ..ending });
        let before = record.remarks.len();
        remark(&mut record, ground);
        record.remarks.split_off(before)
    }

    #[test]
    fn paths_below_run_stand_alone() {
        let text = b"connect(/run/a/s.sock): no; /srv/run/b, \"/run/c.\" /run/../x /run/";
        let found: Vec<_> = paths_below_run(text).collect();
        assert_eq!(found, ["/run/a/s.sock", "/run/c", "/run/../x", "/run/"].map(Path::new));
        let hostile = b"/run".repeat(1 << 17);
        assert_eq!(paths_below_run(&hostile).count(), 0);
    }

    #[test]
    fn each_remark_says_why_and_what_to_type() {
        let root = Ground {
            user: User::Root,
            maps_everybody: true,
            locked_memory: Some(8 << 20),
            tmpfs_bytes: 512 << 20,
            jobs: 2,
            ..Ground::default()
        };
        let new = Ground { loopback_only: true, tmpfs_bytes: 512 << 20, jobs: 2, ..Ground::default() };
        let old = Ground { lacks_attributes: true, jobs: 1, ..new.clone() };
        let grounds = [("root", &root), ("user", &new), ("user before Linux 6.6", &old)];
        let explained = |error: &Explained| {
            let may_be = grounds.iter().filter(|(_, ground)| (error.may_be)(ground));
            let lines = may_be.map(|(name, ground)| format!("{name}: {}\n", (error.remark)(ground)));
            lines.collect::<String>()
        };
        let failures =
            |unreachable, connections, datagrams| NetworkFailures { unreachable, connections, datagrams };
        let of_network = [failures(1, 0, 0), failures(0, 1, 0), failures(0, 2, 1)];
        let of_network = of_network.map(|failures| remarks("", failures, &new).join("\n") + "\n");
        is_as_kept("hints", ERRORS.iter().map(explained).chain(of_network).collect());
    }

    #[test]
    fn an_error_that_the_sandbox_cannot_have_caused_is_not_explained_by_it() {
        let (root, user) = (
            Ground {
                user: User::Root,
                maps_everybody: true,
                locked_memory: Some(8 << 20),
                ..Ground::default()
            },
            Ground { lacks_attributes: true, ..Ground::default() },
        );
        for (said, by_root, by_user) in [
            ("Os { code: 5, kind: Uncategorized }", 0, 1),
            ("Value too large for defined data type", 0, 1),
            ("left: 65534", 0, 1),
            ("Operation not permitted (os error 1)", 1, 0),
            ("rename: Invalid cross-device link", 1, 1),
            ("Read-only file system (os error 30)", 1, 1),
            ("No space left on device (os error 28)", 1, 1),
            ("No such device (os error 19)", 0, 0),
            ("Permission denied (os error 13)", 0, 0),
            ("Cannot allocate memory (os error 12)", 1, 0),
            ("Operation not supported (os error 95)", 1, 1),
            ("Os { code: 22, kind: InvalidInput", 0, 1),
        ] {
            let counts = [&root, &user].map(|ground| remarks(said, NetworkFailures::default(), ground).len());
            assert_eq!(counts, [by_root, by_user], "{said}");
        }
    }

    #[test]
    fn what_the_kernel_counted_is_explained_whatever_was_said() {
        let ground =
            Ground { loopback_only: true, user: User::Root, maps_everybody: true, ..Ground::default() };
        let failures = |unreachable, [connections, datagrams]: [u64; 2]| NetworkFailures {
            unreachable,
            connections,
            datagrams,
        };
        let said = |unreachable, refused| remarks("", failures(unreachable, refused), &ground);
        assert_eq!(said(0, [0, 0]), [""; 0]);
        assert!(said(1, [0, 0])[0].contains("`--network host`"), "{:?}", said(1, [0, 0]));
        assert!(
            said(0, [2, 0])[0].starts_with("2 connections found nobody who listened"),
            "{:?}",
            said(0, [2, 0])
        );
        let both = said(0, [1, 2]);
        assert!(both[0].starts_with("1 connection and 2 datagrams found nobody who listened"), "{both:?}");
        assert!(said(0, [0, 1])[0].starts_with("1 datagram found"), "{:?}", said(0, [0, 1]));
        assert_eq!(said(3, [2, 0]).len(), 1);
        let host = Ground { loopback_only: false, ..ground.clone() };
        assert_eq!(remarks("", failures(1, [1, 0]), &host), [""; 0]);
    }
}
