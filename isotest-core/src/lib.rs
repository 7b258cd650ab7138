//! One attempt of one test in one throwaway sandbox: namespaces, a cgroup of its own, a root made of tmpfs, and what
//! it used.
//!
//! This crate knows nothing of cargo or test harnesses. It never prints and never ends the process of its caller.
//! `examples/run_one.rs` is the whole of it in use.
//!
//! # Theory of operation
//!
//! Four kinds of process:
//!
//! ```text
//! supervisor                  the calling program; may have threads; is never in a sandbox
//!  └─ zygote, one per slot    the same program, re-executed; one thread, and small
//!      └─ init                PID 1 of one attempt; outside the attempt's cgroup
//!          └─ workload        born inside the cgroup; then execve
//! ```
//!
//! 1. The first line of the supervisor's `main` is [`stage::enter`]. A process that was started as a zygote stays in
//!    it for ever.
//! 2. [`host::probe::host`] reads what this machine is. [`Cgroups::establish`](cgroup::Cgroups::establish) makes the
//!    run's cgroup directories, as many as can be had, and removes those of runs that were killed.
//! 3. [`plan::resolve()`] turns what is wanted ([`Policy`](policy::Policy), [`Views`](plan::Views)) and what there is
//!    ([`Host`](host::Host), [`Figures`](plan::Figures)) into a [`Template`](plan::Template) for every attempt, the
//!    [`Isolation`](policy::Isolation) in force, and a list of what is required and missing. It decides everything,
//!    and does nothing.
//!    What becomes `/` is a [`Root`](plan::Root); from here on nobody knows which.
//! 4. [`Slot::start`](sandbox::Slot::start) re-executes the program as a zygote. The zygote enters namespaces of its
//!    own, assembles the template's tree in a tmpfs, pivots into it, and detaches the tree of the host. This happens
//!    once for each slot. A zygote also keeps a few stores, places to write for one attempt each, and, for callers
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
//!    [`Picture`](picture::Picture) of it.
//! 7. [`Cancel::throw`](sandbox::Cancel::throw), from any thread, kills every attempt.
//!    [`Cgroups::close`](cgroup::Cgroups::close), when the slots are gone, leaves the host as it was.
//!
//! Why it is so:
//!
//! - **A zygote**, because a process with threads cannot enter a user namespace, and after a fork in one nothing that
//!   allocates may run. A small process is also cheap to copy, and `ru_maxrss` of what it starts is not its own.
//! - **An init**, because a test that is PID 1 behaves differently: signals without a handler are ignored, and it reaps
//!   strangers. Init also sees what is left running.
//! - **Born inside the cgroup**, because moving a process by its id waits for a grace period of the kernel. In
//!   version 2 the workload is cloned into its cgroup; in version 1 it moves itself while it has one thread.
//! - **A sandbox ahead**, because set-up then happens while the present workload runs, and the next one starts at once.
//! - **Handed on if untouched**, because making and destroying an overlay or a network namespace costs as much as
//!   a small test. Only a store that looks as it was made, and a network namespace in which no packet and no socket is
//!   left, serves again; anything else is thrown away.
//! - **Set-up is not measured**: it happens in zygote and init, outside the attempt's cgroup.
//! - **Looked at from outside**: init's `/proc` is the workload's, too, which may have covered it; the supervisor sees the ids
//!   of the machine and, as root, kernel stacks. An ordinary user has all capabilities over the user namespaces it made, so
//!   that `/proc` shows it every process in them but init.
//! - **Errors have a channel of their own**: a [`StepError`](sandbox::step::StepError) travels over a socket, so an
//!   exit status is always the workload's.
//! - **Nobody outlives the supervisor**: every process asks for a signal when its parent dies, and checks that it did not
//!   ask too late.
//!
//! # Code map
//!
//! Data, pure:
//! - [`policy`]: what is wanted of each capability, and what holds.
//! - [`usage`]: what was measured, each figure with its source.
//! - [`outcome`]: how an attempt ended, and the verdict that follows.
//! - [`record`]: one attempt's report.
//! - [`enumerate`]: the first of many, in a sentence.
//! - [`suspect`]: whether its figures can be its own.
//! - [`host`]: what this machine is; [`host::surroundings`]: what may explain a refusal. [`host::probe`] reads both, and
//!   tries what can only be tried: a whole attempt, and after a failure each part of a sandbox alone.
//!   [`host::originals`] looks at the directories that are to be copy-on-write. All of them change nothing.
//!
//! Decisions, pure:
//! - [`plan`]: the types of a plan, and [`plan::resolve()`]; the tree that becomes `/` is decided in `plan/rootfs.rs`,
//!   and what becomes of a user's directory with something mounted below it in `plan/descend.rs`; roots other than the
//!   host's in `plan/root.rs`. [`plan::explain`] is a plan as shell commands, to be read.
//!
//! Reading, changing nothing:
//! - [`closure`]: the loader and libraries of a program. `elf` and `files` read; `cache`, `search`, `resolve` and `lacks`
//!   are pure.
//! - [`picture`]: what runs in an attempt, as `/proc` shows it. Its files `take`, `census`, `full` and `descriptors`
//!   read; `waits` says what follows.
//!
//! Effects:
//! - [`cgroup`]: `base` makes and removes the directories of a run, `leaf` those of an attempt; `scope` asks
//!   systemd for a place to make them in; `control` takes the controllers into use that limits need; `sweep` removes
//!   what the dead left. `parse` and `limits` are pure.
//! - [`sandbox`]: outside, `slot` starts zygotes, `prepared` holds a sandbox that waits for its workload, and `attempt`
//!   watches one to its end; `attended` is for a command to which somebody attends, who passes on signals and sees it
//!   stop, `terminal` opens one for it, and with `join` and `guest` it enters a sandbox that is running. `zygote`,
//!   `tree`, `stores` and `network` are the zygote's work; `init`, `layers`, `watch`, `sampler`, `leftovers`, `changes`
//!   and `trace` are init's; `workload` is the last stretch before execve. `channel` is what they say to each other,
//!   `part` one thing tried alone by a zygote that is good for nothing else.
//!   [`Step`](sandbox::step::Step) names every action in the order in which it happens.
//! - [`reaper`]: a command that is no workload, and of which nothing outlives the supervisor.
//! - [`stage`]: the re-execution hook.
//! - `messages`: how these processes speak to each other.
//! - `deadline`: until when is waited, as poll(2) takes it.
//! - [`wire`]: paths on the wire, byte for byte.
//! - [`sys`]: the fence around `unsafe`.
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

pub mod cgroup;
pub mod closure;
mod deadline;
pub mod enumerate;
pub mod host;
mod messages;
pub mod outcome;
pub mod picture;
pub mod plan;
pub mod policy;
pub mod reaper;
pub mod record;
pub mod sandbox;
pub mod stage;
mod suspect;
mod sys;
pub mod usage;
pub mod wire;
