#!/usr/bin/env bash
# prometheus-parse 0.2.5 takes label values apart at characters that the text format allows in them, without an error: "x,y" is read as
# "x", a label with "x=y" is missing beside its neighbour, and a sample with "x}y" is missing altogether. Escapes are left as
# they stand. What is read is one sample fewer, or one of another series.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "scraped"
version = "0.1.0"
edition = "2024"

[dependencies]
prometheus-parse = "=0.2.5"

[workspace]
TOML
cat >src/main.rs <<'RUST'
use prometheus_parse::Scrape;

fn main() {
    for line in [
        r#"seconds{test="plain",suite="s"} 1"#,
        r#"seconds{test="x,y",suite="s"} 1"#,
        r#"seconds{test="x=y",suite="s"} 1"#,
        r#"seconds{test="x}y",suite="s"} 1"#,
        r#"seconds{test="x\"y",suite="s"} 1"#,
    ] {
        let read = Scrape::parse([Ok(line.to_owned())].into_iter()).expect("no error");
        let tests: Vec<_> = read.samples.iter().map(|sample| sample.labels.get("test").unwrap_or("-")).collect();
        println!("{line} => {tests:?}");
    }
}
RUST
cargo run --quiet >run.log 2>build.log || { cat build.log; exit 1; }
cat run.log
cat >expected.log <<'TEXT'
seconds{test="plain",suite="s"} 1 => ["plain"]
seconds{test="x,y",suite="s"} 1 => ["x"]
seconds{test="x=y",suite="s"} 1 => ["-"]
seconds{test="x}y",suite="s"} 1 => []
seconds{test="x\"y",suite="s"} 1 => ["x\\\"y"]
TEXT
diff expected.log run.log
echo "as stated"
