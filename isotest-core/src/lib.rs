//! Attempt of one test in one throwaway sandbox: namespaces, a cgroup of its own, a root made of tmpfs, and what
//! it used.
//!
//! This crate knows nothing of cargo or test harnesses. It never prints, but for what a [region](inside::Region) of a test used, and
//! never ends the process of its caller.
//! [`Sandbox`] has a default for each choice: a command in a sandbox takes five lines. `examples/` has one use a file; `parts.rs`
//! does the same as `command.rs` with everything chosen.
//!
//! # Theory of operation
//!
//! Five kinds of process:
//!
//! ```text
//! supervisor                  the calling program; may have threads; is never in a sandbox
//!  └─ zygote, one per slot    the same program, re-executed; one thread, and small
//!      └─ init                PID 1 of one attempt; outside the attempt's cgroup
//!          └─ parent          does nothing; as much outside
//!              └─ workload    born inside the cgroup; then execve
//! ```
//!
//! 1. The first line of the supervisor's `main` is [`stage::enter`]. A process that was started as a zygote stays in
//!    it for ever.
//! 2. [`host::probe::host`] reads what this machine is. [`Cgroups::establish`](cgroup::Cgroups::establish) makes the
//!    run's cgroup directories, as many as can be had, and removes those of runs that were killed.
//! 3. [`plan::resolve()`] turns what is wanted ([`Policy`](policy::Policy), [`Views`](plan::Views)) and what there is
//!    ([`Host`](host::Host), [`CgroupFacts`](plan::CgroupFacts)) into a [`Template`](plan::Template) for every attempt, the
//!    [`Isolation`](policy::Isolation) in force, and a list of what is required and missing. It decides everything,
//!    and does nothing.
//!    What becomes `/` is a [`Root`](plan::Root); from here on nobody knows which.
//! 4. [`Slot::start`](sandbox::Slot::start) re-executes the program as a zygote. The zygote enters namespaces of its
//!    own, assembles the template's tree in a tmpfs, pivots into it, and detaches the tree of the host. This happens
//!    once for each slot. A zygote also keeps a few scratch directories, places to write for one attempt each, and, for callers
//!    other than root, network namespaces.
//! 5. [`Slot::launch`](sandbox::Slot::launch) hands the workload to a sandbox: a cgroup, and an init that the zygote has
//!    started in new namespaces and that has mounted what is the attempt's own. Init was told nothing of the workload
//!    until now; it comes over the attempt's control socket, and so do the order to end it and init's report. While
//!    the workload runs, the sandboxes for the next ones are made. [`Slot::wait`](sandbox::Slot::wait) watches output,
//!    time and end.
//! 6. When the workload has ended, init gives what it left behind a moment, names what is still there, kills it,
//!    looks at what was written, and reports an [`Ending`](outcome::Ending). It stays until
//!    [`Attempt::finish`](sandbox::Attempt::finish) has read the [`Usage`](usage::Usage) from the cgroup: its tmpfs is
//!    charged there. Both together give the [`Outcome`](outcome::Outcome) and the [`Record`](record::Record). No
//!    sandbox is used twice.
//!    Before it kills anything, at the end of the time or of the workload, init waits until the supervisor has taken a
//!    [`Snapshot`](snapshot::Snapshot) of it.
//! 7. [`Cancel::throw`](sandbox::Cancel::throw), from any thread, kills every attempt.
//!    [`Cgroups::close`](cgroup::Cgroups::close), when the slots are gone, leaves the host as it was.
//! 8. [`Standstill`](sandbox::Standstill) stops every attempt and the [clock](sys::clock) of the run, which is a word of memory that
//!    supervisor, zygotes and inits share: every deadline is on that clock, in whatever process it is watched.
//!
//! Reasons for this design:
//!
//! - **A zygote**, because a process with threads cannot enter a user namespace, and after a fork in one nothing that
//!   allocates may run. A small process is also cheap to copy, and `ru_maxrss` of what it starts is not its own.
//! - **An init**, because a test that is PID 1 behaves differently: signals without a handler are ignored, and it reaps
//!   strangers. Init also sees what is left running.
//! - **A parent between them**, because below `cargo test` a test's parent is not process 1, and its process group is led by
//!   somebody else and can be signalled. It shares init's memory, and neither figures nor snapshots show it.
//! - **Born inside the cgroup**, because moving a process by its id waits for a grace period of the kernel. In
//!   version 2 the workload is cloned into its cgroup; in version 1 it moves itself while it has one thread.
//! - **Locked from outside**: what root in an attempt is not to take off is mounted in the zygote's mount namespace, of which the
//!   attempt's is a copy that belongs to a user namespace with fewer rights: the kernel locks it there. So init is started in
//!   a pid namespace, mounts `/proc`, and only then enters the other namespaces.
//! - **A cell beside the cgroup**: in a version 1 hierarchy in which it had no cgroup, root in an attempt would find that of the
//!   host.
//! - **A sandbox ahead**, because set-up then happens while the present workload runs, and the next one starts at once.
//! - **Handed on if untouched**, because making and destroying an overlay or a network namespace costs as much as
//!   a small test. Only a scratch directory that looks as it was made, and a network namespace in which no packet and no socket is
//!   left, serves again; anything else is thrown away.
//! - **In common if that is wanted**: by a template [in common](plan::Template::in_common) a zygote makes one user, network, IPC and
//!   UTS namespace and one place to write, and its inits enter them, one after another. Each still has its own pid namespace, so
//!   that nobody outlives an attempt and what it leaves running is found, its own mount namespace, which shows its own `/proc` and
//!   cgroup, and its own cgroup. What an attempt changed is what changed since it began. The zygote's end throws all of it away.
//! - **Set-up is not measured**: it happens in zygote and init, outside the attempt's cgroup.
//! - **Looked at from outside**: init's `/proc` is the workload's, too, which may have covered it; the supervisor sees the ids
//!   of the machine and, as root, kernel stacks. An ordinary user has all capabilities over the user namespaces it made, so
//!   that `/proc` shows it every process in them but init.
//! - **Errors have a channel of their own**: a [`StepError`](step::StepError) travels over a socket, so an
//!   exit status is always the workload's.
//! - **Nobody outlives the supervisor**: every process asks for a signal when its parent dies, and checks that it did not
//!   ask too late.
//!
//! # Layers
//!
//! A module names only modules of lower layers; the `tidy` test reads this block.
//!
//! ```text
//! layers, the highest first
//! 9 harness
//! 8 builder
//! 7 stage trial
//! 6 explain sandbox
//! 5 cgroup record
//! 4 plan snapshot
//! 3 host metric outcome reaper suspect terminal_guard
//! 2 inside messages namespace step usage
//! 1 budget closure descriptors join_list limits niceness policy role root_limits sys wire
//! 0 units
//! ```
//!
//! Limits of what each layer knows:
//!
//! - **0**: [`units`] knows amounts, not what of.
//! - **1, vocabulary**: [`mod@budget`] knows what is written beside tests, and neither who reads nor who judges it; alone it is
//!   there without the feature `sandbox`. [`policy`] and [`limits`] say what may be wanted, not whether a machine has it. [`closure`] knows
//!   programs and libraries, and nothing of sandboxes. `role`, [`descriptors`], `niceness`, [`root_limits`], [`join_list`] and [`wire`] know nobody who uses
//!   them. [`sys`] knows system calls, and not what for.
//! - **2**: [`inside`] is what tests themselves call; it knows where an attempt's figures are seen, and nothing of how it was made.
//!   [`namespace`] knows the kernel's names for namespaces, and makes none. [`step`] knows that a step failed and why, not how it is taken.
//!   [`mod@usage`] knows figures and their sources, not
//!   cgroups or `/proc`. `messages` knows how messages travel, not what they say.
//! - **3**: [`host`] knows what this machine is, not what is wanted of it, and starts no process. [`metric`] knows where figures come from
//!   and what they are called, and reads none. [`outcome`] and `suspect`
//!   judge facts and figures, and read none. [`reaper`] and [`terminal_guard`] know nothing of sandboxes.
//! - **4**: [`plan`] decides and does nothing: it reads no file, and knows no cgroup but by what others tell. [`snapshot`]
//!   reads what runs and changes nothing; it does not know what a sandbox is.
//! - **5**: [`cgroup`] knows directories and figures, not the processes in them or how they were started. [`record`] knows
//!   what an attempt came to, not how.
//! - **6**: [`sandbox`] obeys a plan, and does not know what was wanted or why. [`explain`] shows the same plan, and does
//!   not know how it is carried out.
//! - **7**: [`stage`] knows which process this is to be. [`trial`] knows a sandbox from outside only.
//! - **8**: [`builder`] chooses where its caller does not, and does nothing that its caller could not do.
//! - **9**: `harness` puts the others together for programs that are test harnesses themselves; it is there with the feature of that
//!   name.
//!
//! The head of a module tells what stands inside.
//!
//! # Invariants
//!
//! - Pure modules name neither the file system, processes, environment, network nor system calls.
//! - `unsafe` stands in [`sys`] only, one system call a function.
//! - [`plan`] decides and [`sandbox`] obeys: whatever is optional in a sandbox is a field of the
//!   [`Template`](plan::Template) or of the [`SandboxPlan`](plan::SandboxPlan).
//! - A figure is a measurement with its source, or `None`; never a guess, and zero only if zero was measured.
//! - A sandbox that could not be had is [`Outcome::NotIsolated`](outcome::Outcome::NotIsolated). The workload is not
//!   executed without it.
//! - Which cgroup hierarchy serves a metric is decided by which files exist, never by the kernel's version. A file that is
//!   gone at the end of an attempt is [`Outcome::NotIsolated`](outcome::Outcome::NotIsolated), not a missing figure.
//! - Who makes something on the host removes it; what a killed run leaves is named so that the next one can tell.

pub mod budget;
#[cfg(feature = "sandbox")]
pub mod builder;
#[cfg(feature = "sandbox")]
pub mod cgroup;
#[cfg(feature = "sandbox")]
pub mod closure;
#[cfg(feature = "sandbox")]
pub mod descriptors;
#[cfg(feature = "sandbox")]
pub mod explain;
#[cfg(feature = "harness")]
pub mod harness;
#[cfg(feature = "sandbox")]
pub mod host;
pub mod inside;
#[cfg(feature = "sandbox")]
pub mod join_list;
#[cfg(feature = "sandbox")]
pub mod limits;
#[cfg(feature = "sandbox")]
mod messages;
#[cfg(feature = "sandbox")]
pub mod metric;
#[cfg(feature = "sandbox")]
pub mod namespace;
#[cfg(feature = "sandbox")]
mod niceness;
#[cfg(feature = "sandbox")]
pub mod outcome;
#[cfg(feature = "sandbox")]
pub mod plan;
#[cfg(feature = "sandbox")]
pub mod policy;
#[cfg(feature = "sandbox")]
pub mod reaper;
#[cfg(feature = "sandbox")]
pub mod record;
#[cfg(feature = "sandbox")]
mod role;
#[cfg(feature = "sandbox")]
pub mod root_limits;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "sandbox")]
pub mod snapshot;
#[cfg(feature = "sandbox")]
pub mod stage;
#[cfg(feature = "sandbox")]
pub mod step;
#[cfg(feature = "sandbox")]
mod suspect;
#[cfg(feature = "sandbox")]
pub mod sys;
#[cfg(feature = "sandbox")]
pub mod terminal_guard;
#[cfg(feature = "sandbox")]
pub mod trial;
pub mod units;
#[cfg(feature = "sandbox")]
pub mod usage;
#[cfg(feature = "sandbox")]
pub mod wire;

#[cfg(feature = "sandbox")]
pub use builder::{Sandbox, SandboxError};
pub use inside::{region, usage};
pub use units::{Bytes, MilliCpu};

#[doc = "Asserts what a test has used up to now. See the [page on what is read inside](mod@inside)."]
#[doc(inline)]
pub use isotest_macros::assert_budget;

#[doc = "States what a test may use at most. See the [page on budgets](mod@budget)."]
#[doc(inline)]
pub use isotest_macros::budget;
