#!/usr/bin/env bash
# openmetrics-parser 0.5.1 refuses an exposition without metric families, `# EOF` and a line feed, which the OpenMetrics grammar
# allows ("expected kw_type, kw_help, or kw_unit") and prometheus-client 0.26.0 for Python reads. With one family before the same
# line it is accepted.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "nothing"
version = "0.1.0"
edition = "2024"

[dependencies]
openmetrics-parser = "=0.5.1"

[workspace]
TOML
cat >src/main.rs <<'RUST'
use openmetrics_parser::openmetrics::parse_openmetrics;

fn main() {
    for text in ["# TYPE a gauge\na 1\n# EOF\n", "# EOF\n"] {
        let read = parse_openmetrics(text).map(|exposition| exposition.families.len());
        println!("{text:?} => {:?}", read.map_err(|error| error.to_string()));
    }
}
RUST
cat >reads.py <<'PYTHON'
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
print("prometheus-client:", len(list(families("# EOF\n"))), "families")
PYTHON
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check prometheus-client==0.26.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
venv/bin/python reads.py | tee python.log
cargo run --quiet >run.log 2>build.log || { cat build.log; exit 1; }
cat run.log
grep -qx 'prometheus-client: 0 families' python.log
grep -q 'a 1.* => Ok(1)$' run.log
grep -q '^"# EOF.* => Err(.*expected kw_type, kw_help, or kw_unit' run.log
echo "as stated"
