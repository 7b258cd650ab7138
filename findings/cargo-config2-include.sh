#!/usr/bin/env bash
# cargo-config2 0.1.45 passes over the key `include` of cargo's configuration, which cargo 1.95 takes, without an error:
# what is set in an included file (here an `[env]` variable, and a runner of the host's target) holds for cargo and is missing in
# what the crate resolves.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir -p src .cargo
host=$(rustc -vV | sed -n 's/^host: //p')
cat >.cargo/config.toml <<'END'
include = ["more.toml"]

[env]
HERE = "a"
END
cat >.cargo/more.toml <<END
[env]
THERE = "b"

[target.$host]
runner = ["env", "RUN_BY=included"]
END
cat >Cargo.toml <<'END'
[package]
name = "included"
version = "0.1.0"
edition = "2024"

[dependencies]
cargo-config2 = "=0.1.45"

[workspace]
END
cat >src/main.rs <<'END'
use cargo_config2::Config;
use std::env::{args, var};

fn main() {
    let seen = |name| var(name).unwrap_or("-".to_owned());
    println!("cargo: HERE {} THERE {} RUN_BY {}", seen("HERE"), seen("THERE"), seen("RUN_BY"));
    let config = Config::load().expect("a configuration");
    let value = |name| config.env.get(name).map_or("-".to_owned(), |value| value.value.to_string_lossy().into_owned());
    let runner = config.runner(args().nth(1).expect("a target")).expect("a target").map_or("none".to_owned(), |r| format!("{r:?}"));
    println!("cargo-config2: HERE {} THERE {} runner {runner}", value("HERE"), value("THERE"));
}
END
cargo run --quiet -- "$host" >run.log 2>build.log || { cat build.log; exit 1; }
cargo --version
cat run.log
grep -qx "cargo: HERE a THERE b RUN_BY included" run.log
grep -qx "cargo-config2: HERE a THERE - runner none" run.log
echo "as stated"
