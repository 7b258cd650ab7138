#!/usr/bin/env bash
# Two libraries that resolve needed libraries without the dynamic loader are wrong about what a library of a program inherits, in opposite
# ways. DT_RPATH holds for the libraries of a program's libraries, too: the crate lddtree 0.5.1 does not hand it down, and finds one
# missing with which the program runs. DT_RUNPATH does not: auditwheel 6.8.2 hands it down, and finds one without which the
# program does not start. Needs a C compiler and glibc.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset LD_LIBRARY_PATH
export CARGO_TARGET_DIR=$work/target
mkdir src lib
echo 'int inner(void) { return 0; }' >inner.c
echo 'int inner(void); int outer(void) { return inner(); }' >outer.c
echo 'int outer(void); int main(void) { return outer(); }' >main.c
cc -shared -fPIC -o lib/libinner.so inner.c
cc -shared -fPIC -o lib/libouter.so outer.c -Llib -linner
# shellcheck disable=SC2016 # It is the loader that puts the directory in.
origin='$ORIGIN/lib'
cc -o rpath main.c -Llib -louter "-Wl,--disable-new-dtags,-rpath,$origin,-rpath-link,lib"
cc -o runpath main.c -Llib -louter "-Wl,--enable-new-dtags,-rpath,$origin,-rpath-link,lib"

cat >Cargo.toml <<'TOML'
[package]
name = "needed"
version = "0.1.0"
edition = "2024"

[dependencies]
lddtree = "=0.5.1"

[workspace]
TOML
cat >src/main.rs <<'RUST'
fn main() {
    for program in ["rpath", "runpath"] {
        let tree = lddtree::DependencyAnalyzer::default().analyze(program).expect("a program");
        let found = |name| if tree.libraries[name].found() { "found" } else { "missing" };
        println!("lddtree, {program}: outer {}, inner {}", found("libouter.so"), found("libinner.so"));
    }
}
RUST
cat >needed.py <<'PYTHON'
from pathlib import Path

from auditwheel.lddtree import ldd

for program in "rpath", "runpath":
    libraries = ldd(Path(program).absolute()).libraries
    outer, inner = ("found" if libraries[name].realpath else "missing" for name in ("libouter.so", "libinner.so"))
    print(f"auditwheel, {program}: outer {outer}, inner {inner}")
PYTHON
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check auditwheel==6.8.2 pyelftools==0.33 >pip.log 2>&1 || { cat pip.log; exit 1; }

{
    for program in rpath runpath; do
        "./$program" 2>"$program.log" && ends=runs || ends="does not start"
        echo "the loader, $program: $ends"
    done
    cargo run --quiet 2>build.log || { cat build.log; exit 1; }
    venv/bin/python needed.py
} | tee seen.log
grep -q 'libinner.so: cannot open shared object file' runpath.log
cat >expected.log <<'TEXT'
the loader, rpath: runs
the loader, runpath: does not start
lddtree, rpath: outer found, inner missing
lddtree, runpath: outer found, inner missing
auditwheel, rpath: outer found, inner found
auditwheel, runpath: outer found, inner found
TEXT
diff expected.log seen.log
echo "as stated"
