#!/usr/bin/env bash
# toml_edit 0.25.18 keeps the comments of a file that has nothing else as what follows the document: a table that is added stands
# before them, so the head of the file becomes its tail. With any key in the file they stay in front. A key added behind another
# in an inline table that has blanks inside its braces is written as `{ a = 1 , b = 2 }`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "edited"
version = "0.1.0"
edition = "2024"

[dependencies]
toml_edit = "=0.25.18"

[workspace]
END
cat >src/main.rs <<'END'
use toml_edit::{DocumentMut, table, value};

fn with_table(text: &str) -> String {
    let mut document: DocumentMut = text.parse().expect("a document");
    document["added"] = table();
    document["added"]["key"] = value(1);
    document.to_string()
}

fn main() {
    println!("comments alone: {:?}", with_table("# What this file is.\n"));
    println!("with a key: {:?}", with_table("# What this file is.\nkey = 1\n"));
    let mut document: DocumentMut = "t = { a = 1 }\n".parse().expect("a document");
    document["t"]["b"] = value(2);
    println!("inline: {:?}", document.to_string());
}
END
cargo run --quiet >seen.log 2>build.log || { cat build.log; exit 1; }
cat seen.log
grep -qxF 'comments alone: "[added]\nkey = 1\n# What this file is.\n"' seen.log
grep -qxF 'with a key: "# What this file is.\nkey = 1\n\n[added]\nkey = 1\n"' seen.log
grep -qxF 'inline: "t = { a = 1 , b = 2 }\n"' seen.log
echo "as stated"
