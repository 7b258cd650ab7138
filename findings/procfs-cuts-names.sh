#!/usr/bin/env bash
# procfs 0.18.0 cuts names that Linux allows, without an error. The name of a process in /proc/PID/status ends at its first colon ("io"
# of "io:2", while that of /proc/PID/stat is whole), so the kernel's kworker/0:1 and kworker/0:2 have one name. The path of a socket
# in /proc/net/unix ends at its first blank. In /proc/mounts a tab and a backslash of a mount point are
# decoded, and a blank, which is named with them, is left as \040.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "named"
version = "0.1.0"
edition = "2024"

[dependencies]
procfs = "=0.18.0"
procfs-core = "=0.18.0"

[workspace]
TOML
cat >src/main.rs <<'RUST'
use procfs_core::{FromBufRead, MountEntry};
use std::os::unix::net::UnixListener;

fn main() {
    std::fs::write("/proc/self/comm", "io:2").expect("a name");
    let process = procfs::process::Process::myself().expect("this process");
    let (stat, status) = (process.stat().expect("stat"), process.status().expect("status"));
    println!("stat: {}, status: {}", stat.comm, status.name);

    let path = std::env::current_dir().expect("a directory").join("two words");
    let _socket = UnixListener::bind(&path).expect("a socket");
    let table = std::fs::read_to_string("/proc/net/unix").expect("the table");
    let inode = table.lines().find(|line| line.ends_with(path.to_str().expect("text"))).and_then(|line| line.split_whitespace().nth(6));
    let inode: u64 = inode.expect("the socket").parse().expect("a number");
    let entries = procfs::net::unix().expect("the table");
    let read = entries.into_iter().find(|entry| entry.inode == inode).and_then(|entry| entry.path).expect("a path");
    println!("bound: {:?}, read: {:?}", path.file_name().expect("a name"), read.file_name().expect("a name"));

    let line = r"tmpfs /mnt/blank\040tab\011backslash\134 tmpfs rw 0 0";
    let mounts = Vec::<MountEntry>::from_buf_read(line.as_bytes()).expect("a mount");
    println!("mounted: {:?}", mounts[0].fs_file);
}
RUST
cargo run --quiet >seen.log 2>build.log || { cat build.log; exit 1; }
cat seen.log
cat >expected.log <<'TEXT'
stat: io:2, status: io
bound: "two words", read: "two"
mounted: "/mnt/blank\\040tab\tbackslash\\"
TEXT
diff expected.log seen.log
echo "as stated"
