//! What a probe did and said, inside or outside.

use isotest_core::outcome::{Ending, Exit, Outcome};
use isotest_core::record::Record;
use libtest_mimic::Failed;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::ops::Deref;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a probe did and said.
#[derive(Debug)]
pub(crate) struct Seen {
    what: String,
    pub(crate) exit: Option<Exit>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// What a probe did and said inside, and what was recorded of it.
#[derive(Debug)]
pub(crate) struct Attempt {
    seen: Seen,
    pub(crate) record: Record,
}

impl Deref for Attempt {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

impl Attempt {
    /// What is recorded of `what`.
    pub(crate) fn new(what: String, record: Record) -> Self {
        let mut stderr = [record.stderr.head.as_slice(), &record.stderr.tail].concat();
        if let Outcome::NotIsolated(error) = &record.outcome {
            stderr.extend(error.to_string().into_bytes());
        }
        let stdout = [record.stdout.head.as_slice(), &record.stdout.tail].concat();
        let exit = record.ending.as_ref().map(|ending| ending.exit);
        Self { seen: Seen { what, exit, stdout, stderr }, record }
    }

    pub(crate) fn ending(&self) -> Result<&Ending, Failed> {
        let outcome = &self.record.outcome;
        self.record.ending.as_ref().ok_or_else(|| format!("{}: {outcome:?}", self.what).into())
    }

    /// Fails unless this is the verdict.
    pub(crate) fn outcome(&self, expected: &Outcome) -> Result<(), Failed> {
        if self.record.outcome == *expected { Ok(()) } else { Err(self.unlike(&format!("{expected:?}"))) }
    }
}

impl Seen {
    /// Executes a command to its end.
    pub(crate) fn run(command: &mut Command) -> Result<Self, Failed> {
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output()?;
        let exit = status.code().map(Exit::Code).or(status.signal().map(Exit::Signal));
        Ok(Self { what: format!("outside, {command:?}"), exit, stdout, stderr })
    }

    /// Fails unless the probe did what it is for.
    pub(crate) fn did(&self) -> Result<&Self, Failed> {
        if self.exit == Some(Exit::Code(0)) { Ok(self) } else { Err(self.unlike("done")) }
    }

    /// Fails unless the system refused with this error.
    pub(crate) fn refused(&self, errno: &str) -> Result<&Self, Failed> {
        let refused = self.exit == Some(Exit::Code(1)) && self.stderr().contains(errno);
        if refused { Ok(self) } else { Err(self.unlike(errno)) }
    }

    /// What it was instead.
    pub(crate) fn unlike(&self, expected: &str) -> Failed {
        let (stdout, stderr) = (String::from_utf8_lossy(&self.stdout), self.stderr());
        format!("{}: expected {expected}, got {:?}\n{stdout}\n{stderr}", self.what, self.exit).into()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The values of all lines with this key.
    pub(crate) fn facts(&self, key: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.stdout);
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).collect()
    }

    /// The value of the line with this key.
    pub(crate) fn fact(&self, key: &str) -> Result<String, Failed> {
        self.facts(key).into_iter().next().ok_or_else(|| self.unlike(&format!("a line `{key}`")))
    }

    /// Every line as key and value.
    pub(crate) fn all_facts(&self) -> BTreeMap<String, String> {
        let text = String::from_utf8_lossy(&self.stdout);
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

/// A process of the host that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Starts it and waits for its first line.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failed> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = BufReader::new(process.stdout.take().ok_or("no stdout")?);
        let mut running = Self { process, stdout };
        running.line()?;
        Ok(running)
    }

    /// Its next line.
    pub(crate) fn line(&mut self) -> Result<String, Failed> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let said = line.strip_suffix('\n').ok_or("a process outside ended before it had said everything")?;
        Ok(said.to_owned())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A path as an argument of a probe.
pub(crate) fn text(path: &Path) -> Result<&str, Failed> {
    path.to_str().ok_or_else(|| format!("`{}` is not UTF-8", path.display()).into())
}

/// Asks again and again, for as long as `patience` lasts.
pub(crate) fn eventually(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}
