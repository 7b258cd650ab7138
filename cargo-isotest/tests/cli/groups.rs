//! Which tests run at once, and which first: test groups, tests that take several threads, priorities.

use crate::call::{Call, Ended, Lines, isotest};
use crate::project::Project;
use crate::terminal::Terminal;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const DB: &str = "
    [test-groups]
    db = { max-threads = 2 }
    [[profile.default.overrides]]
    filter = 'test(/^db::/)'
    test-group = 'db'
";

/// When a test ran, and what it was told of its slots.
#[derive(Debug)]
struct Ran {
    name: String,
    micros: [u64; 2],
    group: String,
    group_slot: String,
    slot: String,
}

/// A configuration file, and a file in which tests write when they run.
struct Watched {
    place: TempDir,
}

impl Watched {
    fn new(config: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("isotest.toml"), config).unwrap();
        fs::write(place.path().join("moments"), "").unwrap();
        Self { place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn call(&self, arguments: &[&str]) -> Call {
        let call = isotest(&Project::fixture("moments")).arguments([
            "--config-file".as_ref(),
            self.path("isotest.toml").as_os_str(),
            "--keep".as_ref(),
            self.place.path().as_os_str(),
        ]);
        call.arguments(arguments).variable("MOMENTS", self.path("moments")).variable("MILLIS", "400")
    }

    /// What ran, in the order of the beginnings. What was killed has no end.
    fn ran(&self) -> Vec<Ran> {
        let text = fs::read_to_string(self.path("moments")).unwrap();
        let mut ran: Vec<Ran> = Vec::new();
        for line in text.lines() {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let [what, name, micros, group, group_slot, slot] = words.try_into().unwrap();
            let micros = micros.parse().unwrap();
            if what == "begin" {
                ran.push(Ran { name, micros: [micros, u64::MAX], group, group_slot, slot });
            } else {
                let running = |one: &&mut Ran| one.name == name && one.micros[1] == u64::MAX;
                ran.iter_mut().find(running).unwrap().micros[1] = micros;
            }
        }
        ran.sort_by_key(|one| one.micros);
        ran
    }
}

fn overlap(one: &Ran, other: &Ran) -> bool {
    one.micros[0] < other.micros[1] && other.micros[0] < one.micros[1]
}

/// How many of those with names that begin like this ran at once at most.
fn most_at_once(ran: &[Ran], prefix: &str) -> usize {
    let of_it: Vec<_> = ran.iter().filter(|one| one.name.starts_with(prefix)).collect();
    let others_at = |one: &&Ran| {
        of_it.iter().filter(|other| (other.micros[0]..other.micros[1]).contains(&one.micros[0])).count()
    };
    of_it.iter().map(others_at).max().unwrap()
}

#[test]
fn no_more_tests_of_a_group_run_at_once_than_it_has_threads() {
    let watched = Watched::new(DB);
    let (ended, lines) = watched.call(&["-j", "8", "db", "free"]).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let ran = watched.ran();
    assert_eq!((ran.len(), most_at_once(&ran, "db::")), (9, 2), "{ran:#?}");
    assert!(most_at_once(&ran, "") > 2, "others run beside it: {ran:#?}");
    for one in &ran {
        let of_group = if one.name.starts_with("db::") {
            ("db", ["0", "1"].as_slice())
        } else {
            ("@global", ["none"].as_slice())
        };
        assert!(one.group == of_group.0 && of_group.1.contains(&one.group_slot.as_str()), "{one:?}");
        for other in ran.iter().filter(|other| overlap(one, other) && other.name != one.name) {
            assert_ne!(one.slot, other.slot);
            assert!(one.group != "db" || (&one.group, &one.group_slot) != (&other.group, &other.group_slot));
        }
    }
    let groups = |attempt: &&serde_json::Value| attempt["test_group"] == "db";
    assert_eq!(lines.attempts.iter().filter(groups).count(), 6);
    assert!(lines.finished["waited_for_group"].as_u64().unwrap() >= 4, "{}", lines.finished);
    assert_eq!(lines.finished["waited_for_threads"], 0);

    let control = Watched::new("");
    control.call(&["-j", "8", "db"]).run().with_code(0);
    assert!(most_at_once(&control.ran(), "db::") > 2, "control: {:#?}", control.ran());
}

#[test]
fn further_attempts_keep_to_their_group() {
    let one = DB.replace("max-threads = 2", "max-threads = 1");
    let watched = Watched::new(&one);
    let names = "db::a,db::b,db::c,db::d,db::e,db::f";
    let call = watched.call(&["-j", "8", "--retries", "1"]).variable("FAILS", names).variable("MILLIS", "60");
    let (ended, lines) = call.lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.finished["counts"]["flaky"], 6, "{}", lines.finished);
    let ran = watched.ran();
    assert_eq!((ran.len(), most_at_once(&ran, "db::")), (6 * 2 + 5, 1), "{ran:#?}");
}

#[test]
fn a_test_that_takes_several_threads_has_them_to_itself() {
    let config = "[[profile.default.overrides]]\nfilter = 'test(/^heavy::/)'\nthreads-required = \"num-test-threads\"\n";
    let others = |watched: &Watched| {
        watched.call(&["-j", "4"]).run().with_code(0);
        let ran = watched.ran();
        assert_eq!(ran.len(), 11);
        let heavy = ran.iter().filter(|one| one.name.starts_with("heavy::"));
        let beside =
            |one: &Ran| ran.iter().filter(|other| other.name != one.name && overlap(one, other)).count();
        (heavy.map(beside).max().unwrap(), most_at_once(&ran, ""))
    };
    let (beside, at_once) = others(&Watched::new(config));
    assert!(beside == 0 && at_once > 1, "{beside} {at_once}");
    let (beside, _) = others(&Watched::new(""));
    assert!(beside > 0, "control");
    let (beside, at_once) = others(&Watched::new(&config.replace("\"num-test-threads\"", "3")));
    assert!(beside <= 1 && at_once > 2, "one thread is left: {beside} {at_once}");
}

#[test]
fn tests_of_higher_priority_start_first() {
    let config = "
        [[profile.default.overrides]]
        filter = 'test(free::b)'
        priority = 100
        [[profile.default.overrides]]
        filter = 'test(/^heavy::/)'
        priority = 1
        [[profile.default.overrides]]
        filter = 'test(db::a)'
        priority = -100
    ";
    let started = |config: &str, arguments: &[&str]| {
        let watched = Watched::new(config);
        watched.call(arguments).variable("MILLIS", "1").run().with_code(0);
        watched.ran().into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    let order = started(config, &["-j", "1"]);
    assert_eq!(order[..3], ["free::b", "heavy::a", "heavy::b"]);
    assert_eq!((order[3].as_str(), order[10].as_str()), ("db::b", "db::a"), "{order:?}");
    assert_eq!(started("", &["-j", "1"])[0], "db::a", "control");
    let seed = ["-j", "1", "--shuffle=7"];
    assert_eq!(started(config, &seed), started("", &seed), "a random order that was asked for is random");
}

#[test]
fn groups_select_tests() {
    let watched = Watched::new(DB);
    let listed = |arguments: &[&str]| {
        let (mut words, place) = (vec!["list"], Watched::new(DB));
        words.extend(arguments);
        let ended = place.call(&[]).arguments(words).run().with_code(0);
        ended.stdout.lines().map(|line| line.replace("moments ", "")).collect::<Vec<_>>()
    };
    let of_db = ["db::a", "db::b", "db::c", "db::d", "db::e", "db::f"];
    assert_eq!(listed(&["-E", "group(db)"]), of_db);
    assert_eq!(listed(&["-E", "group(=db) & test(/[ab]$/)"]), of_db[..2]);
    assert_eq!(listed(&["-E", "group(@global)"]).len(), 5);
    assert_eq!(listed(&["-E", "not group(d*)"]), listed(&["-E", "group(@global)"]));
    let parts =
        [["-E", "group(db)", "--partition", "slice:1/2"], ["-E", "group(db)", "--partition", "slice:2/2"]];
    let mut dealt: Vec<_> = parts.iter().flat_map(|part| listed(part)).collect();
    dealt.sort();
    assert_eq!(dealt, of_db);
    let ended = watched.call(&["-E", "group(dd)"]).run().with_code(94);
    assert!(ended.stderr.contains("no test group of the project matches"), "{}", ended.stderr);
    let text = "[[profile.default.overrides]]\nretries = 1\nfilter = 'all() - group(@global)'\n";
    let ended = Watched::new(text).call(&[]).run().with_code(96);
    assert!(
        ended.stderr.contains("isotest.toml:3: `filter`: invalid filterset: `group()` is for `-E` only"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("            ^^^^^^^^^^^^^^\n"), "{}", ended.stderr);
}

fn lines_of(ended: &Ended) -> BTreeMap<String, String> {
    let lines = Lines::new(ended);
    let verdict = |attempt: &serde_json::Value| {
        let word = |key: &str| attempt[key].as_str().unwrap().to_owned();
        (word("name"), word("outcome"))
    };
    lines.attempts.iter().map(verdict).collect()
}

#[test]
fn a_failure_in_a_group_ends_the_run_for_the_group_too() {
    let watched = Watched::new(DB);
    let ended = watched
        .call(&["-j", "3", "--message-format", "json", "--max-fail", "1:immediate", "db"])
        .variable("FAILS", "db::a")
        .run()
        .with_code(100);
    let verdicts = lines_of(&ended);
    assert_eq!(verdicts["db::a"], "failed");
    let finished = Lines::new(&ended).finished;
    assert!(finished["not_run"].as_u64().unwrap() > 0, "{finished}");
    assert!(most_at_once(&watched.ran(), "db::") <= 2);
}

#[test]
fn the_bar_says_what_tests_wait_for() {
    for (config, says) in [
        (DB.replace("max-threads = 2", "max-threads = 1"), "waiting for test group db"),
        (
            "[[profile.default.overrides]]\nfilter = 'all()'\nthreads-required = 3\n".to_owned(),
            "waiting for threads",
        ),
    ] {
        let watched = Watched::new(&config);
        let terminal = Terminal::with_columns(80);
        let call = watched.call(&["-j", "4", "db"]).variable("TERM", "xterm");
        let running = call.on(&terminal, "\"$@\" 2>/dev/null; echo status $?").start();
        let mut terminal = terminal;
        terminal.wait_until_it_shows(says, |shown| shown.contains(says));
        terminal.wait_until_it_shows("the end", |shown| shown.contains("status 0"));
        running.end();
        assert!(!terminal.shown().contains("waiting"), "{}", terminal.shown());
        assert!(terminal.shown().contains(" waited for t"), "the summary counts them: {}", terminal.shown());
    }
}
