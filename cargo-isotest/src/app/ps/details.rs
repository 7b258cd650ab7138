//! Text of `ps --full`: details of each process. Pure.

use crate::report::Words;
use crate::text::sanitize::word;
use isotest_core::snapshot::{Capabilities, Descriptor, Details, Limit, Mount, Process};
use std::path::PathBuf;

/// Formats the details of all processes of a snapshot, and of their mount namespaces.
pub(super) fn render(words: Words<'_>) -> String {
    let processes = words.snapshot.processes.iter().map(|process| of_process(words, process));
    let mounts = words.snapshot.mount_namespaces.iter().map(|namespace| {
        let mounts: String = namespace.mounts.iter().map(|one| line(&mount(one))).collect();
        format!("    mounts of mnt:[{}]\n{mounts}", namespace.namespace)
    });
    processes.chain(mounts).collect()
}

fn of_process(words: Words<'_>, process: &Process) -> String {
    let heading = format!("    pid {} {}\n", process.pid, word(&process.line()));
    let details =
        process.details.as_ref().map(|details| sections(words, process, details)).unwrap_or_default();
    heading + &details + &threads(words, process)
}

fn sections(words: Words<'_>, process: &Process, details: &Details) -> String {
    let Details { exe, cwd, environ, descriptors, limits, namespaces, capabilities } = details;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    [
        section("exe", path(exe)),
        section("cwd", path(cwd)),
        section("environ", environ.iter().flatten().map(|(name, value)| format!("{name}={value}"))),
        section("descriptors", descriptors.iter().flatten().map(|one| descriptor(words, process, one))),
        section("limits", limits.iter().flatten().map(|(name, one)| format!("{name} {}", limit(*one)))),
        section("namespaces", namespaces.iter().flatten().map(|(kind, number)| format!("{kind}:[{number}]"))),
        section("capabilities", capabilities.iter().flat_map(sets)),
    ]
    .concat()
}

fn descriptor(words: Words<'_>, process: &Process, descriptor: &Descriptor) -> String {
    let mode = match (descriptor.reads, descriptor.writes) {
        (true, true) => "rw",
        (true, false) => "r",
        (false, true) => "w",
        (false, false) => "-",
    };
    format!("{} {mode} {}", descriptor.fd, words.descriptor(process, descriptor))
}

fn limit(Limit { soft, hard }: Limit) -> String {
    let value = |limit: Option<u64>| limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
    format!("{} of {}", value(soft), value(hard))
}

fn sets(capabilities: &Capabilities) -> Vec<String> {
    let Capabilities { effective, permitted, inheritable, bounding, ambient } = capabilities;
    let sets = [
        ("effective", Some(effective)),
        ("permitted", Some(permitted)),
        ("inheritable", Some(inheritable)),
        ("bounding", bounding.as_ref()),
        ("ambient", ambient.as_ref()),
    ];
    sets.into_iter().filter_map(|(name, set)| Some(format!("{name} {}", set?))).collect()
}

fn threads(words: Words<'_>, process: &Process) -> String {
    let threads = process.threads.iter().flat_map(|thread| {
        let stack = thread.wait.iter().filter_map(|wait| wait.stack.as_ref()).flatten();
        let heading = format!("{} {} {}", thread.tid, thread.name, words.wait(process, thread));
        std::iter::once(heading).chain(stack.map(|function| format!("  {function}")))
    });
    section("threads", threads)
}

fn mount(mount: &Mount) -> String {
    let Mount { path, root, file_system, source, options, file_system_options } = mount;
    let source = source.as_ref().map(|source| format!(" from {source}")).unwrap_or_default();
    let root = if root == "/" { String::new() } else { format!(" at {root}") };
    let (options, shared) = (options.join(","), file_system_options.join(","));
    format!("{} {file_system}{source}{root} ({options}) ({shared})", path.display())
}

/// Formats a heading and its entries; empty without entries.
fn section(name: &str, entries: impl IntoIterator<Item = String>) -> String {
    let entries: String = entries.into_iter().map(|entry| line(&entry)).collect();
    if entries.is_empty() { entries } else { format!("      {name}\n{entries}") }
}

fn line(text: &str) -> String {
    format!("        {}\n", word(text))
}
