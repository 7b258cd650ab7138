//! Setup scripts: executed one after the other, in sandboxes of their own, before the first test. A script that fails
//! ends the run: what its tests need is missing, and nobody wants to wait for the others to hear of it.

use crate::sandboxes::roots::Image;
use crate::sandboxes::setup_place::OfScript;
use crate::schedule::admission::{Admission, Threads};
use crate::schedule::events::{Between, Event, Reporter, RunningAttempt};
use crate::schedule::needs::Needs;
use crate::schedule::queue::{Launch, Queue};
use crate::schedule::slots::{Flow, Job, News, Workers};
use crate::schedule::summary::Cancellation;
use crate::settings::TestSettings;
use crate::testcase::TestCase;
use crate::verdict::{Effect, Rules, Testimony, Verdict, judge};
use isotest_core::plan::{SandboxPlan, Template};
use isotest_core::record::Record;
use isotest_core::step::Step;
use isotest_core::sys::clock::Instant;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Variable by which a script, and tests after it, are told of the directory that the script leaves.
pub(crate) const DIRECTORY: &str = "ISOTEST_SETUP_DIR";
/// Variable by which a script is told in which file to write variables for tests; cargo-nextest's.
pub(crate) const VARIABLES: &str = "NEXTEST_ENV";

/// Variables and their values.
pub(crate) type Variables = Vec<(OsString, OsString)>;

/// Limit of the bytes of variables that a script may write. The kernel takes no more of a whole environment.
const MOST_BYTES: u64 = 1 << 20;

/// Setup script of which nothing is left to be decided.
#[derive(Debug)]
pub(crate) struct Script {
    /// Script as reports name it.
    pub(crate) title: TestCase,
    /// Settings of the script.
    pub(crate) settings: Arc<TestSettings>,
    /// Template of the script's sandbox.
    pub(crate) template: Arc<Template>,
    /// Configuration of the container image of the script's root.
    pub(crate) image: Arc<Image>,
    /// Plan by which the script is executed.
    pub(crate) plan: SandboxPlan,
    /// Places of the script's directory and variables.
    pub(crate) place: OfScript,
}

/// Result of setup scripts.
#[derive(Debug, Default)]
pub(crate) struct SetUp {
    /// Variables for tests, by the name of the script that wrote them.
    pub(crate) variables: HashMap<String, Variables>,
    /// Reason why no test is to be executed, if so.
    pub(crate) cancelled: Option<Cancellation>,
    /// First failure to write a report.
    pub(crate) unwritten: Option<io::Error>,
}

impl SetUp {
    /// Returns whether no test is to be executed.
    pub(crate) const fn has_ended_the_run(&self) -> bool {
        self.cancelled.is_some() || self.unwritten.is_some()
    }
}

/// Executes scripts until the last, the first that fails, the end of the run's time, or a signal.
pub(crate) fn execute(scripts: &[Script], workers: &Workers<'_>, reporters: &mut dyn Reporter) -> SetUp {
    let mut set_up = SetUp::default();
    for script in scripts {
        if workers.is_over() {
            let by = Cancellation::GlobalTimeout;
            set_up.cancelled = Some(by);
            set_up.unwritten = reporters.event(&Event::Cancelled { by }).err();
            break;
        }
        let job = |_, _| Job {
            template: Arc::clone(&script.template),
            image: Arc::clone(&script.image),
            plan: script.plan.clone(),
            is_test: false,
            evidence: None,
        };
        let is_over = &|| workers.is_over();
        let mut hearing = Hearing { script, running: None, set_up: &mut set_up, reporters, is_over };
        let needs = Needs::default();
        let admission = Admission::new(Threads { jobs: 1, ahead: 0 }, &needs, &|| None);
        workers.execute_all(Queue::new([1]), admission, job, |news, _| hearing.hear(news));
        if set_up.has_ended_the_run() {
            break;
        }
    }
    set_up
}

/// Listener to the news of a script.
struct Hearing<'run> {
    script: &'run Script,
    /// Launch of the script while it is running, and the running time after which it is next said to be slow.
    running: Option<(Launch, Duration)>,
    set_up: &'run mut SetUp,
    reporters: &'run mut dyn Reporter,
    /// Returns whether the time of the run is over.
    is_over: &'run dyn Fn() -> bool,
}

impl Hearing<'_> {
    fn hear(&mut self, news: Option<News>) -> Flow {
        let script = &self.script.title;
        let told = match news {
            None => self.tick(),
            Some(News::Started(launch)) => {
                self.running = Some((launch, self.script.settings.slow_timeout.value.period));
                self.reporters.event(&Event::SetupStarted { script })
            }
            Some(News::Finished(launch, record)) => self.finished(launch, *record),
            Some(News::Interrupted(signal)) => self.cancel(Cancellation::Signal(signal)),
            Some(News::Asked(live)) => {
                let time = |launch: Launch| Instant::now().saturating_duration_since(launch.at);
                let attempt = self.running.map(|(launch, _)| RunningAttempt {
                    test: script,
                    time: time(launch),
                    live: live.iter().find(|live| live.slot == launch.slot).copied(),
                });
                self.reporters.between(Between::Asked(attempt.as_slice()))
            }
            Some(News::Stopping) => self.reporters.between(Between::Stopping),
            Some(News::Killed(launch, record)) => {
                self.running = None;
                self.reporters.event(&Event::SetupInterrupted { script, launch, record: &record })
            }
            Some(News::Ready(_) | News::NotStarted | News::Waiting(..) | News::Panicked) => Ok(()),
        };
        if let Err(error) = told {
            self.set_up.unwritten.get_or_insert(error);
            return Flow::End;
        }
        match self.set_up.cancelled {
            None => Flow::On,
            Some(Cancellation::GlobalTimeout) => Flow::End,
            Some(_) => Flow::NoMore,
        }
    }

    fn tick(&mut self) -> io::Result<()> {
        self.reporters.between(Between::Tick)?;
        if self.set_up.cancelled.is_none() && (self.is_over)() {
            return self.cancel(Cancellation::GlobalTimeout);
        }
        let Some((launch, next)) = self.running else { return Ok(()) };
        if next <= Instant::now().saturating_duration_since(launch.at) {
            let period = self.script.settings.slow_timeout.value.period;
            self.running = Some((launch, next.saturating_add(period)));
            let test = &self.script.title;
            self.reporters.event(&Event::AttemptSlow { test, launch, time: next })?;
        }
        Ok(())
    }

    fn finished(&mut self, launch: Launch, mut record: Record) -> io::Result<()> {
        self.running = None;
        let script = &self.script.title;
        let mut verdict = judge(&record.outcome, Testimony::Agrees, Rules::from(&*self.script.settings));
        if verdict.passes() {
            match variables(&self.script.place.variables) {
                Ok(variables) => {
                    self.set_up.variables.insert(script.name.clone(), variables);
                }
                Err(why) => {
                    record.remarks.push(format!("it is told as failed: the file of `{VARIABLES}` {why}"));
                    verdict = Verdict::Failed { code: 0 };
                }
            }
        }
        let (verdict, record) = (&verdict, &record);
        self.reporters.event(&Event::SetupFinished { script, launch, verdict, record })?;
        if verdict.passes() {
            return Ok(());
        }
        // After a signal the run has been told to end.
        if self.set_up.cancelled.is_some() {
            return Ok(());
        }
        self.cancel(Cancellation::SetupFailed { undecided: is_undecided(verdict) })
    }

    fn cancel(&mut self, by: Cancellation) -> io::Result<()> {
        self.set_up.cancelled = Some(by);
        self.reporters.event(&Event::Cancelled { by })
    }
}

/// Returns whether nothing is known of the script. A script whose program does not exist has failed.
fn is_undecided(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::NotIsolated(error) => error.step != Step::Exec,
        verdict => verdict.effect() == Effect::Undecided,
    }
}

/// Reads the variables that a script has written.
fn variables(path: &Path) -> Result<Variables, String> {
    let size = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > MOST_BYTES {
        return Err(format!("has {size} bytes, and may have {MOST_BYTES}"));
    }
    parse(&fs::read(path).map_err(|error| format!("cannot be read: {error}"))?)
}

/// Parses lines of name, `=` and value. Of one name the last counts.
fn parse(text: &[u8]) -> Result<Variables, String> {
    let mut variables = Variables::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.is_empty() {
            continue;
        }
        let wrong = |what: &str| Err(format!("{what} in line {number}: `{}`", String::from_utf8_lossy(line)));
        let Some(at) = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0) else {
            return wrong("has no `NAME=VALUE`");
        };
        if line.contains(&0) {
            return wrong("has a NUL");
        }
        let (name, value) = (OsStr::from_bytes(&line[..at]), OsStr::from_bytes(&line[at + 1..]));
        if [&b"NEXTEST"[..], b"ISOTEST"].iter().any(|reserved| line.starts_with(reserved)) {
            return wrong("has a name that is not for scripts");
        }
        set(&mut variables, name, value);
    }
    Ok(variables)
}

/// Sets a variable in place of another of that name.
pub(crate) fn set(variables: &mut Variables, name: &OsStr, value: &OsStr) {
    variables.retain(|(other, _)| other != name);
    variables.push((name.to_owned(), value.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        let line = |(name, value): (OsString, OsString)| format!("{} is {}", name.display(), value.display());
        Ok(parse(text.as_bytes())?.into_iter().map(line).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn variables_are_lines_and_the_last_of_a_name_counts() {
        assert_eq!(parsed("A=1\n\nB=x = y\nA=\n").as_deref(), Ok("B is x = y, A is "));
        assert_eq!(parsed("").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_no_variable_is_told_with_its_line() {
        for (text, why) in [
            ("A=1\nB", "has no `NAME=VALUE` in line 2: `B`"),
            ("=1", "has no `NAME=VALUE` in line 1: `=1`"),
            ("A=\0", "has a NUL in line 1: `A=\0`"),
            ("NEXTEST_RUN_ID=1", "has a name that is not for scripts in line 1: `NEXTEST_RUN_ID=1`"),
            ("ISOTEST=1", "has a name that is not for scripts in line 1: `ISOTEST=1`"),
        ] {
            assert_eq!(parsed(text), Err(why.to_owned()));
        }
    }
}
