#!/usr/bin/env bash
# indicatif 0.18.6 pads the last line of a bar with blanks to the width of the terminal, so the cursor waits at the end of a full
# line. A key that the terminal itself shows there, such as ^C or ^Z, goes to the next line, and `finish_and_clear` then
# clears from that line upwards: the first line of a bar of two lines stays on the screen for good. On a terminal that claims two
# columns less to the bar, all of it is cleared.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "cleared"
version = "0.1.0"
edition = "2024"

[dependencies]
indicatif = { version = "=0.18.6", features = ["in_memory"] }

[workspace]
END
cat >src/main.rs <<'END'
use indicatif::{InMemoryTerm, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io;

#[derive(Debug)]
struct Claims(InMemoryTerm, u16);

impl TermLike for Claims {
    fn width(&self) -> u16 {
        self.1
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }
    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

fn left(claimed: u16, key: &str) -> String {
    let screen = InMemoryTerm::new(10, 20);
    let target = ProgressDrawTarget::term_like(Box::new(Claims(screen.clone(), claimed)));
    let bar = ProgressBar::with_draw_target(Some(2), target);
    bar.set_style(ProgressStyle::with_template("above\n{msg}").expect("a template"));
    bar.set_message("below");
    bar.force_draw();
    screen.write_str(key).expect("a key is shown");
    bar.finish_and_clear();
    screen.contents()
}

fn main() {
    println!("20 columns, no key: {:?}", left(20, ""));
    println!("20 columns, ^C: {:?}", left(20, "^C"));
    println!("18 columns claimed, ^C: {:?}", left(18, "^C"));
}
END
cargo run --quiet >seen.log 2>build.log || { cat build.log; exit 1; }
cat seen.log
grep -qxF '20 columns, no key: ""' seen.log
grep -q '^20 columns, ^C: "above' seen.log
grep -qxF '18 columns claimed, ^C: ""' seen.log
echo "as stated"
