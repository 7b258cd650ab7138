#!/usr/bin/env bash
# clap_mangen 0.3.3 lists an option that has hide_short_help in a man page, and leaves its text out, although `--help` shows both. An
# option that has a long help besides keeps it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'EOF'
[package]
name = "manual"
version = "0.1.0"
edition = "2024"

[dependencies]
clap = "=4.6.9"
clap_mangen = "=0.3.3"

[workspace]
EOF
cat >src/main.rs <<'EOF'
use clap::{Arg, ArgAction, Command};

fn main() {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let mut command = Command::new("manual")
        .arg(flag("rare").help("says what is rare").hide_short_help(true))
        .arg(flag("long").help("short").long_help("says it at length").hide_short_help(true));
    println!("{}", command.render_long_help());
    clap_mangen::Man::new(command).render(&mut std::io::stdout()).expect("standard output");
}
EOF
cargo run --quiet >seen.log 2>build.log || { cat build.log; exit 1; }
cat seen.log
grep -q 'says what is rare' seen.log
# From here on it is the man page.
sed '1,/^\.TH/d' seen.log >man.log
grep -q 'rare' man.log
grep -q 'says it at length' man.log
if grep -q 'says what is rare' man.log; then exit 1; fi
echo "as stated"
