//! Content of the page, in words; pure.

use super::memory::{self, MemoryLine};
use super::timeline::Timeline;
use crate::report::account::{Account, Attempt, Autopsy, Branch, Budgeted, Facts, Name, Test};
use crate::report::changed::flags;
use crate::report::executions::{Executions, Spread, Stressed};
use crate::text::sanitize::word;
use crate::text::units::{memory as amount, plural};
use crate::verdict::Effect;
use isotest_core::join_list::and_more;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Highest number of bytes that are shown of the output of one test, from its end.
const LARGEST_OUTPUT: usize = 16 << 10;
/// Largest size of the cards of all tests that did not pass, as they stand in the page, in bytes.
const LARGEST_CARDS: usize = 1 << 20;
/// Size of a card without texts, in bytes.
const SMALLEST_CARD: usize = 1000;
/// Numbers of shown processes of one test, threads of one process, and characters of one command.
const SHOWN_PROCESSES: usize = 50;
const SHOWN_THREADS: usize = 20;
const SHOWN_COMMAND: usize = 300;
/// Number of files that are named of those that one test changed.
const SHOWN_FILES: usize = 50;
/// Number of shown processes that failed although none of their tests did.
const SHOWN_UNEXPLAINED: usize = 20;
/// Number of outputs that are unfolded from the start.
const UNFOLDED: usize = 10;
const SHOWN_NEIGHBORS: usize = 8;
/// Number of tests whose distributions of figures are shown.
const SHOWN_STRESSED: usize = 100;

/// Content of the page.
#[derive(Serialize)]
pub(super) struct Page {
    title: String,
    has_passed: bool,
    totals: String,
    gap: Option<String>,
    facts: Vec<(&'static str, String)>,
    /// Setup scripts that failed.
    scripts: Vec<Lines>,
    cards: Vec<Card>,
    /// Sentence on the number of tests that did not pass and have no card.
    more: Option<String>,
    processes: Vec<Lines>,
    flaky: Vec<Lines>,
    timeline: Option<Timeline>,
    has_budgets: bool,
    /// Distributions of the figures of tests that were executed several times.
    stressed: Vec<Repeated>,
    /// Text on the number of tests whose distributions are not shown.
    more_stressed: Option<String>,
    /// Pictures of the memory of long tests over time.
    lines: Vec<MemoryLine>,
    rows: Vec<Row>,
}

/// Test that did not pass.
#[derive(Serialize)]
struct Card {
    title: String,
    status: String,
    /// Cause of the verdict, and the place of the panic.
    why: String,
    figures: String,
    command: String,
    notes: Vec<String>,
    budget: Vec<BudgetRow>,
    output: String,
    is_open: bool,
    tree: Vec<Leaf>,
    line: Option<MemoryLine>,
    thrown_away: Option<Lines>,
    evidence: Option<Lines>,
    beside: String,
    earlier: Vec<String>,
}

/// Heading and the lines below it.
#[derive(Serialize)]
struct Lines {
    head: String,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct BudgetRow {
    metric: String,
    used: String,
    limit: String,
    margin: String,
    origin: String,
    over: bool,
}

/// Test that was executed several times.
#[derive(Serialize)]
struct Repeated {
    title: String,
    counts: String,
    has_failed: bool,
    spreads: Vec<SpreadRow>,
}

#[derive(Serialize)]
struct SpreadRow {
    name: &'static str,
    min: String,
    median: String,
    max: String,
    picture: String,
    modes: String,
}

/// Process in a tree.
#[derive(Serialize)]
struct Leaf {
    text: String,
    threads: Vec<String>,
    children: Vec<Leaf>,
}

/// Row of a test in the table of all. Each figure has a number by which it is sorted, and a text.
#[derive(Serialize)]
struct Row {
    kind: &'static str,
    status: String,
    title: String,
    wall: Figure,
    peak: Figure,
    cpu: Figure,
    processes: Figure,
    budget: Figure,
    start: Figure,
    slot: String,
}

#[derive(Serialize)]
struct Figure {
    by: Option<i64>,
    text: String,
}

impl Figure {
    fn new(by: Option<u64>, text: String) -> Self {
        Self { by: by.and_then(|by| i64::try_from(by).ok()), text }
    }
}

impl Page {
    /// Makes the page of these results.
    pub(super) fn of(account: &Account) -> Self {
        let failures = account.failures();
        let gap = account.gap();
        let unexplained: Vec<_> = account.unexplained().collect();
        let has_passed = failures.is_empty() && unexplained.is_empty() && gap.is_none();
        let (cards, more) = cards(account, &failures);
        let processes = unexplained.iter().take(SHOWN_UNEXPLAINED).map(|process| Lines {
            head: word(&format!("{}: {} tests in one process", process.binary_id, process.tests)),
            lines: vec![
                process.facts.headline(process.facts.place(account).as_ref()),
                output(&process.facts),
            ],
        });
        let all_stressed = Stressed::of(account).ranked(SHOWN_STRESSED);
        let more_stressed = all_stressed.len().saturating_sub(SHOWN_STRESSED);
        let executed = account.tests.iter().chain(&account.interrupted);
        let scripts = account.failed_scripts().map(|script| Lines {
            head: word(&script.name),
            lines: vec![script.facts.headline(None), output(&script.facts)],
        });
        Self {
            title: format!(
                "{} · cargo isotest",
                if has_passed { "Tests passed" } else { "Tests did not pass" }
            ),
            has_passed,
            totals: account.totals(),
            gap: gap.as_deref().map(word),
            facts: facts(account),
            scripts: scripts.collect(),
            cards,
            more,
            processes: processes.collect(),
            flaky: account
                .tests
                .iter()
                .filter(|test| test.is_flaky())
                .map(|test| flaky(test, account))
                .collect(),
            timeline: Timeline::of(account),
            has_budgets: account.tests.iter().any(|test| !test.last.facts.budget.is_empty()),
            stressed: all_stressed.iter().take(SHOWN_STRESSED).map(Repeated::of).collect(),
            more_stressed: (0 < more_stressed).then(|| format!("and {}", plural(more_stressed, "more test"))),
            lines: memory::of_longest(account),
            rows: executed.map(Row::of).chain(account.skipped().map(Row::ignored)).collect(),
        }
    }
}

/// Returns facts about the whole run.
fn facts(account: &Account) -> Vec<(&'static str, String)> {
    let started = account.started.as_ref();
    let said = [
        ("Started", started.map(|started| started.at.format("%Y-%m-%d %H:%M:%S %:z").to_string())),
        ("Workspace", started.and_then(|started| started.workspace.clone())),
        ("Version", started.and_then(|started| started.version.clone())),
        ("Run", started.and_then(|started| started.run_id.clone())),
        ("Machines", account.told_machines()),
    ];
    said.into_iter().filter_map(|(name, value)| Some((name, word(&value?)))).collect()
}

/// Makes a card for each test that did not pass, as long as there is room, and says how many have none.
fn cards(account: &Account, failures: &[&Test]) -> (Vec<Card>, Option<String>) {
    let mut room = LARGEST_CARDS;
    let mut cards = Vec::new();
    for test in failures {
        if room < SMALLEST_CARD {
            break;
        }
        let card = Card::of(test, account, cards.len() < UNFOLDED);
        // A smaller card may still have room.
        let Some(rest) = room.checked_sub(card.size()) else { continue };
        room = rest;
        cards.push(card);
    }
    let more = failures.len() - cards.len();
    let said = (0 < more).then(|| {
        format!(
            "{} did not pass. This page would be too large with what {} said: look for {} in the table below.",
            plural(more, "more test"),
            if more == 1 { "it" } else { "they" },
            if more == 1 { "it" } else { "them" },
        )
    });
    (cards, said)
}

impl Card {
    fn of(test: &Test, account: &Account, is_open: bool) -> Self {
        let facts = &test.last.facts;
        let place = facts.place(account);
        let place = place.map(|place| format!("panicked at {}:{}:{}", place.file, place.line, place.column));
        let why: Vec<_> = [facts.cause.as_deref().map(word), place].into_iter().flatten().collect();
        Self {
            title: word(&test.title()),
            status: facts.status(),
            why: why.join(" · "),
            figures: facts.measured(),
            command: test.command(),
            notes: facts.notes(),
            budget: test.last.facts.budget.iter().map(BudgetRow::of).collect(),
            output: output(facts),
            is_open,
            tree: facts.autopsy.as_ref().map(tree).unwrap_or_default(),
            line: MemoryLine::of(&test.title(), facts),
            thrown_away: thrown_away(facts, account),
            evidence: evidence(facts),
            beside: beside(&test.last, account),
            earlier: test.earlier.iter().map(|attempt| earlier(attempt, account)).collect(),
        }
    }

    /// Returns an upper limit on the bytes that the card takes in the page.
    fn size(&self) -> usize {
        let texts =
            [&self.title, &self.title, &self.why, &self.command, &self.output, &self.beside].into_iter();
        let files = self.thrown_away.iter().chain(&self.evidence).flat_map(|lines| &lines.lines);
        let texts = texts.chain(&self.notes).chain(&self.earlier).chain(files);
        let leaves: usize = self.tree.iter().map(Leaf::size).sum();
        let line = self.line.as_ref().map_or(0, MemoryLine::size);
        SMALLEST_CARD
            + line
            + 400 * self.budget.len()
            + leaves
            + texts.map(|text| escaped(text) + 20).sum::<usize>()
    }
}

/// Returns the first characters of a command.
fn shortened(text: &str) -> String {
    let mut short: String = word(text).chars().take(SHOWN_COMMAND).collect();
    if short.chars().count() == SHOWN_COMMAND {
        short += "...";
    }
    short
}

/// Returns an upper limit on the length of a text that has been escaped.
fn escaped(text: &str) -> usize {
    text.len() + 5 * text.bytes().filter(|byte| b"<>&\"'/".contains(byte)).count()
}

impl BudgetRow {
    fn of(limit: &Budgeted) -> Self {
        Self {
            metric: word(&limit.metric),
            used: limit.spent(),
            limit: limit.allowed(),
            margin: limit.margin(),
            origin: word(&limit.origin()),
            over: limit.over,
        }
    }
}

/// Makes leaves of the processes of a tree, as many as are shown.
fn tree(autopsy: &Autopsy) -> Vec<Leaf> {
    let branches = autopsy.tree();
    let more = branches.iter().map(count).sum::<usize>().saturating_sub(SHOWN_PROCESSES);
    let mut room = SHOWN_PROCESSES;
    let mut tree = Leaf::within(branches, &mut room);
    let text = format!("and {more} more");
    tree.extend((0 < more).then(|| Leaf { text, threads: Vec::new(), children: Vec::new() }));
    tree
}

fn count(branch: &Branch) -> usize {
    1 + branch.children.iter().map(count).sum::<usize>()
}

impl Leaf {
    /// Makes leaves of as many branches as there is room for.
    fn within(branches: Vec<Branch>, room: &mut usize) -> Vec<Self> {
        let mut leaves = Vec::new();
        for branch in branches {
            let Some(rest) = room.checked_sub(1) else { break };
            *room = rest;
            leaves.push(Self::of(branch, room));
        }
        leaves
    }

    fn of(branch: Branch, room: &mut usize) -> Self {
        let occupied = branch.memory.map_or_else(String::new, |bytes| format!(" · {}", amount(bytes)));
        let waits = |(name, wait): &(String, Option<String>)| match wait {
            Some(wait) => shortened(&format!("thread {name} in {wait}")),
            None => shortened(&format!("thread {name}")),
        };
        let mut threads: Vec<_> = branch.threads.iter().take(SHOWN_THREADS).map(waits).collect();
        let more = branch.threads.len() - threads.len();
        threads.extend((0 < more).then(|| format!("and {more} more")));
        Self {
            text: format!("{} {}{occupied}", branch.pid, shortened(&branch.command)),
            threads,
            children: Self::within(branch.children, room),
        }
    }

    fn size(&self) -> usize {
        let threads: usize = self.threads.iter().map(|thread| escaped(thread) + 20).sum();
        100 + escaped(&self.text) + threads + self.children.iter().map(Self::size).sum::<usize>()
    }
}

impl Repeated {
    fn of(executions: &Executions) -> Self {
        let row = |spread: Spread| SpreadRow {
            name: spread.name,
            min: spread.min,
            median: spread.median,
            max: spread.max,
            picture: spread.picture,
            modes: spread.modes.unwrap_or_default(),
        };
        Self {
            title: executions.title.clone(),
            counts: executions.counts(),
            has_failed: executions.failed > 0,
            spreads: executions.spreads().into_iter().map(row).collect(),
        }
    }
}

impl Row {
    fn of(test: &Test) -> Self {
        let Attempt { facts, start_us, slot, .. } = &test.last;
        let peak = facts.figure("memory_peak_bytes");
        let processes = facts.figure("pids_peak");
        let tightest = facts
            .budget
            .iter()
            .filter_map(|limit| Some((limit.headroom()?, limit)))
            .min_by_key(|(left, _)| *left);
        let tightest =
            tightest.map(|(left, limit)| (left, format!("{} {}", word(&limit.metric), limit.margin())));
        Self {
            kind: kind(test),
            status: facts.status(),
            title: word(&test.title()),
            wall: Figure::new(facts.wall_us, facts.duration()),
            peak: Figure::new(peak, facts.peak()),
            cpu: Figure::new(facts.cpu_us(), facts.cpu()),
            processes: Figure::new(
                processes,
                processes.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            ),
            budget: Figure {
                by: tightest.as_ref().map(|(left, _)| *left),
                text: tightest.map_or_else(|| "-".to_owned(), |(_, text)| text),
            },
            start: Figure::new(Some(*start_us), super::timeline::moment(*start_us)),
            slot: slot.to_string(),
        }
    }

    /// Makes the row of a test that was left out.
    fn ignored(test: &Name) -> Self {
        let dash = || Figure::new(None, "-".to_owned());
        Self {
            kind: "ignored",
            status: "IGNORED".to_owned(),
            title: word(&format!("{} {}", test.binary_id, test.name)),
            wall: dash(),
            peak: dash(),
            cpu: dash(),
            processes: dash(),
            budget: dash(),
            start: dash(),
            slot: "-".to_owned(),
        }
    }
}

/// Returns the word by which the style and the search know a test.
fn kind(test: &Test) -> &'static str {
    match test.last.facts.effect {
        Effect::Fails => "fails",
        Effect::Undecided => "undecided",
        Effect::Passes if test.is_flaky() => "flaky",
        Effect::Passes => "passes",
    }
}

fn flaky(test: &Test, account: &Account) -> Lines {
    Lines {
        head: word(&test.title()),
        lines: test.earlier.iter().chain([&test.last]).map(|attempt| earlier(attempt, account)).collect(),
    }
}

fn earlier(attempt: &Attempt, account: &Account) -> String {
    format!("attempt {}: {}", attempt.number, attempt.facts.headline(attempt.facts.place(account).as_ref()))
}

/// Returns the changed files that are not kept.
fn thrown_away(facts: &Facts, account: &Account) -> Option<Lines> {
    let paths = facts.changed_paths.as_deref().unwrap_or_default();
    let count =
        facts.changed_paths_count.and_then(|count| usize::try_from(count).ok()).unwrap_or(paths.len());
    let count = count.saturating_sub(facts.evidence.len());
    let lost = paths.iter().filter(|path| !facts.evidence.contains(path));
    let lines = files(lost, count);
    let workspace = account.started.as_ref().and_then(|started| started.workspace.as_deref());
    let directories = facts.keep.iter().map(PathBuf::from).collect::<BTreeSet<_>>();
    let keep = workspace.filter(|_| !directories.is_empty()).map(|workspace| {
        let them = if count == 1 { "it" } else { "them" };
        let these = if count == lines.len() { them } else { "those in the workspace" };
        format!(": {} keeps {these}", flags(&directories, Path::new(workspace)))
    });
    let head = format!("{} thrown away{}", plural(count, "changed file"), keep.unwrap_or_default());
    (0 < count).then_some(Lines { head, lines })
}

/// Returns the files that are kept.
fn evidence(facts: &Facts) -> Option<Lines> {
    let count = facts.evidence.len();
    let lines = files(facts.evidence.iter(), count);
    let head = format!("{} kept as evidence: cargo isotest evidence apply", plural(count, "file"));
    (0 < count).then_some(Lines { head, lines })
}

/// Returns the first of so many files.
fn files<'a>(paths: impl Iterator<Item = &'a String>, count: usize) -> Vec<String> {
    let mut lines: Vec<_> = paths.take(SHOWN_FILES).map(|path| word(path)).collect();
    if lines.len() < count {
        lines.push(format!(
            "{}{}",
            if lines.is_empty() { "" } else { "and " },
            plural(count - lines.len(), "more file")
        ));
    }
    lines
}

/// Names the tests that ran at the same time.
fn beside(own: &Attempt, account: &Account) -> String {
    let overlaps = |attempt: &Attempt| {
        let ends = own.end_us().zip(attempt.end_us());
        attempt.slot != own.slot
            && ends.is_some_and(|(end, its)| attempt.start_us < end && own.start_us < its)
    };
    let neighbors: Vec<_> = account.attempts().filter(|(_, attempt)| overlaps(attempt)).collect();
    let shown = neighbors.iter().take(SHOWN_NEIGHBORS).map(|(test, _)| word(&test.title()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    shown + &and_more(neighbors.len().saturating_sub(SHOWN_NEIGHBORS))
}

/// Returns the end of a test's output.
fn output(facts: &Facts) -> String {
    let mut output = facts.output();
    let cut = output.len().saturating_sub(LARGEST_OUTPUT);
    if 0 < cut {
        let cut = (cut..=output.len()).find(|&at| output.is_char_boundary(at)).unwrap_or(0);
        let end = output.split_off(cut);
        let left_out = format!("... {cut} bytes left out ...\n{end}");
        output = left_out;
    }
    output
}
