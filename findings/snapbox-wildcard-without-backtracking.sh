#!/usr/bin/env bash
# snapbox 1.2.2 ends `[..]`, "multiple characters within a line", at the first place where what follows it in the pattern stands, and
# tries no other: "took [..] ms" refuses "took 5 ms of 9 ms". Where it finds no such place it starts again at the text before the
# `[..]`: "/[..]/file" accepts "/file", and "error: [..]error: x" accepts "error: x". In unordered text a line of
# `[..]` takes the first line, though a later pattern needs that one and the other order of patterns would match.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "globbed"
version = "0.1.0"
edition = "2024"

[dependencies]
snapbox = { version = "=1.2.2", default-features = false }

[workspace]
TOML
cat >src/main.rs <<'RUST'
use snapbox::{Assert, Data, IntoData};

fn matches(pattern: Data, text: Data) -> bool {
    Assert::new().try_eq(None, text, pattern).is_ok()
}

fn main() {
    for (pattern, text) in [
        ("took [..] ms", "took 5 ms"),
        ("took [..] ms", "took 5 ms of 9 ms"),
        ("/[..]/file", "/a/file"),
        ("/[..]/file", "/file"),
        ("error: [..]error: x", "error: x"),
    ] {
        println!("{pattern} | {text} | {}", matches(pattern.into_data(), text.into_data()));
    }
    for pattern in ["b\n[..]\n", "[..]\nb\n"] {
        let seen = matches(pattern.into_data().unordered(), "b\na\n".into_data().unordered());
        println!("{pattern:?} | b, a in any order | {seen}");
    }
}
RUST
cargo run --quiet >seen.log 2>build.log || { cat build.log; exit 1; }
cat seen.log
cat >expected.log <<'TEXT'
took [..] ms | took 5 ms | true
took [..] ms | took 5 ms of 9 ms | false
/[..]/file | /a/file | true
/[..]/file | /file | true
error: [..]error: x | error: x | true
"b\n[..]\n" | b, a in any order | true
"[..]\nb\n" | b, a in any order | false
TEXT
diff expected.log seen.log
echo "as stated"
