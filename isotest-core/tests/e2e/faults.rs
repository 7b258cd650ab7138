//! System calls that fail, one after the other, in every process of a run: each attempt has the verdict it had, or none with a
//! step that failed, and nothing is left.

use crate::killed_supervisors::{Base, enter};
use crate::observed::Seen;
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::Suite;
use isotest_core::outcome::{Exit, Outcome};
use isotest_core::record::Record;
use isotest_core::sandbox::Cancel;
use libtest_mimic::Failed;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::process::Command;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("a_call_that_fails_makes_no_verdict_and_leaves_nothing", each).alone(),
    // Without cgroups nothing is called at the end that can fail.
    Promise::new("two_calls_that_fail_at_the_end_leave_nothing", pairs).needs(&[Need::Cgroup]).alone(),
];

/// How many calls fail, evenly from all there are, unless this variable of the environment says otherwise, or `all`.
const VARIABLE: &str = "E2E_FAULTS";
const FAULTS: usize = 60;
/// For so many of them there is one pair.
const PER_PAIR: usize = 6;

/// The codes with which the workloads exit.
const CODES: [i32; 3] = [0, 3, 0];

/// The n-th call of a name in a process of a role.
#[derive(Debug, Clone)]
struct Site {
    role: String,
    call: String,
    n: u32,
    /// Whether it is one of those after the last attempt.
    is_teardown: bool,
}

impl fmt::Display for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.role, self.call, self.n)
    }
}

fn each(suite: &Suite) -> Kept {
    let trials = Trials::new(suite)?;
    let sites = trials.sites()?;
    let words: Vec<_> = sites.iter().map(Site::to_string).collect();
    trials.hold(&chosen(&words, 1)?)?;
    trials.close()
}

fn pairs(suite: &Suite) -> Kept {
    let trials = Trials::new(suite)?;
    let sites = trials.sites()?;
    let ends: Vec<_> = sites.iter().filter(|site| site.is_teardown).collect();
    let pair = |(n, first): (usize, &&Site)| -> Vec<_> {
        ends.iter().skip(n + 1).map(|second| format!("{first},{second}")).collect()
    };
    let words: Vec<_> = ends.iter().enumerate().flat_map(pair).collect();
    trials.hold(&chosen(&words, PER_PAIR)?)?;
    trials.close()
}

/// As many of them as are wanted, divided by `part`, evenly.
fn chosen(words: &[String], part: usize) -> Result<Vec<&String>, Failed> {
    let wanted = match env::var(VARIABLE).as_deref() {
        Ok("all") => words.len(),
        Ok(number) => number.parse::<usize>()?.div_ceil(part),
        Err(_) => FAULTS.div_ceil(part),
    };
    assert!(words.len() >= wanted && wanted > 0, "control: {wanted} of {}", words.len());
    Ok((0..wanted).filter_map(|n| words.get(n * words.len() / wanted)).collect())
}

/// Supervisors of which calls fail.
pub(crate) struct Trials<'suite> {
    suite: &'suite Suite,
    base: Base,
    temporary: tempfile::TempDir,
}

impl<'suite> Trials<'suite> {
    pub(crate) fn new(suite: &'suite Suite) -> Result<Self, Failed> {
        Ok(Self { suite, base: Base::beside(suite, "e2e-faults")?, temporary: tempfile::tempdir()? })
    }

    pub(crate) fn close(self) -> Kept {
        self.base.remove()
    }

    /// A supervisor below a probe that does it harm.
    pub(crate) fn run(&self, harm: &[&str]) -> Result<Seen, Failed> {
        let supervisor = self.base.command("few_attempts")?;
        let mut command = Command::new(&self.suite.probe);
        command.args(harm).arg(supervisor.get_program()).args(supervisor.get_args());
        Seen::run(command.env("TMPDIR", self.temporary.path()))
    }

    /// The calls of a run of which none fails.
    fn sites(&self) -> Result<Vec<Site>, Failed> {
        let seen = self.run(&["fail_calls", "none"])?;
        self.judge(&seen)?;
        let expected = CODES.map(|code| format!("exit {code}"));
        assert_eq!(seen.facts("attempt"), expected, "control: {}", seen.stderr());
        let mut sites = Vec::new();
        for line in seen.facts("calls") {
            let words: Vec<_> = line.split(' ').collect();
            let [role, call, count, before] = words[..] else { return Err(line.into()) };
            let before: u32 = before.parse()?;
            sites.extend((1..=count.parse()?).map(|n| Site {
                role: role.to_owned(),
                call: call.to_owned(),
                n,
                is_teardown: n > before,
            }));
        }
        Ok(sites)
    }

    fn hold(&self, faults: &[&String]) -> Kept {
        let mut broken = Vec::new();
        let mut failed = 0;
        for fault in faults {
            let seen = self.run(&["fail_calls", fault])?;
            failed += usize::from(seen.stderr().contains("failed "));
            if let Err(error) = self.judge(&seen) {
                broken.push(format!("{fault}: {}", error.message().unwrap_or_default()));
            }
        }
        // What waits for others makes as many calls as the machine has it wait: some may not come.
        assert!(failed * 3 > faults.len(), "control: {failed} of {}", faults.len());
        assert!(broken.is_empty(), "{} of {}:\n{}", broken.len(), faults.len(), broken.join("\n"));
        Ok(())
    }

    /// Each verdict is right or none, what is not told is said, and nothing is left.
    pub(crate) fn judge(&self, seen: &Seen) -> Kept {
        let attempts = seen.facts("attempt");
        let is_right = |(attempt, code): (&String, i32)| {
            *attempt == format!("exit {code}") || attempt.starts_with("not isolated")
        };
        let is_told = match seen.fact("end")?.as_str() {
            "exit 0" => attempts.len() == CODES.len(),
            "exit 1" | "exit 127" => seen.stderr().lines().count() > 1,
            // The calls of its own output fail, too.
            "exit 101" => seen.stderr().contains("failed printing to std"),
            _ => false,
        };
        self.harmless(seen, is_told && attempts.iter().zip(CODES).all(is_right))
    }

    /// The same of a run of which a process of this role was killed: that ends a supervisor, is the verdict of a workload, and costs
    /// another process one verdict at most.
    pub(crate) fn judge_killed(&self, seen: &Seen, role: &str) -> Kept {
        let (attempts, end) = (seen.facts("attempt"), seen.fact("end")?);
        let is_killed = |attempt: &str| {
            attempt.starts_with("not isolated") || role == "workload" && attempt == "Signaled { signal: 9 }"
        };
        let others = attempts.iter().zip(CODES).filter(|(attempt, code)| **attempt != format!("exit {code}"));
        let others: Vec<_> = others.map(|(attempt, _)| attempt.as_str()).collect();
        let right = others.len() <= 1 && others.iter().all(|attempt| is_killed(attempt));
        let is_told = match end.as_str() {
            "exit 0" => attempts.len() == CODES.len(),
            // There may be no zygote yet.
            "exit 1" => !seen.stderr().is_empty() && attempts.is_empty(),
            _ => role == "supervisor" && end == "SIGKILL",
        };
        self.harmless(seen, right && is_told)
    }

    fn harmless(&self, seen: &Seen, is_right: bool) -> Kept {
        let (left, end) = (seen.facts("left"), seen.fact("end")?);
        let swept = self.sweep()?;
        let is_empty = fs::read_dir(self.temporary.path())?.next().is_none();
        if left.is_empty() && is_right && swept && is_empty && seen.exit == Some(Exit::Code(0)) {
            return Ok(());
        }
        let attempts = seen.facts("attempt");
        let told = format!("end {end}, left {left:?}, swept {swept}, no file {is_empty}, {attempts:?}");
        Err(format!("{told}\n{}", seen.stderr()).into())
    }

    /// Whether the next run finds nothing, or removes it.
    fn sweep(&self) -> Result<bool, Failed> {
        if self.base.is_empty()? {
            return Ok(true);
        }
        self.base.release_controllers();
        Seen::run(&mut self.base.command("establish")?)?.did()?;
        Ok(self.base.is_empty()?)
    }
}

/// A supervisor that executes a few attempts and says what became of each.
#[expect(clippy::print_stdout, reason = "the suite reads there what came of them")]
pub(crate) fn few_attempts(arguments: &[OsString]) -> Kept {
    let [bases] = arguments else { return Err("cgroups are needed".into()) };
    enter(bases)?;
    let suite = Suite::of_a_supervisor()?;
    let template = suite.template(&suite.wish());
    let wish = suite.wish().program("/bin/sh");
    let done = suite.slot(&template).and_then(|mut slot| {
        for code in CODES {
            // What fails leaves somebody running, whom the supervisor looks at.
            let plan = wish
                .plan(&["-c", &format!("echo said; if [ {code} != 0 ]; then sleep 60 & fi; exit {code}")]);
            let record = slot.execute(&plan, &Cancel::new()?).ok_or("cancelled")?;
            println!("attempt {}", told(&record));
        }
        // The mark of the probe.
        let _ = std::os::unix::process::parent_id();
        drop(slot);
        Ok(())
    });
    let closed = suite.close();
    done?;
    Ok(closed?)
}

fn told(record: &Record) -> String {
    let is_whole = record.stdout.head == b"said\n" || !record.remarks.is_empty();
    match &record.outcome {
        Outcome::Passed | Outcome::Failed { .. } if !is_whole => format!("without its output: {record:?}"),
        Outcome::Passed => "exit 0".to_owned(),
        Outcome::Failed { code } => format!("exit {code}"),
        Outcome::NotIsolated(error) => format!("not isolated: {error}"),
        other => format!("{other:?}"),
    }
}
