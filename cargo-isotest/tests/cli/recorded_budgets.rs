//! Budgets in a file: recorded, raised, compared, and held.

use crate::call::{Call, isotest};
use crate::host::is_refused_without_cgroups;
use crate::project::Project;
use std::fs;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n";

const LIBRARY: &str = "\
#[cfg(test)]
mod tests {
    fn take(variable: &str, mib: usize) {
        let mib = std::env::var(variable).map_or(mib, |mib| mib.parse().unwrap());
        let memory = vec![1_u8; mib << 20];
        assert!(std::hint::black_box(&memory).iter().step_by(4096).all(|byte| *byte == 1));
    }
    #[test]
    fn large() {
        take(\"LARGE\", 40);
    }
    #[test]
    fn small() {
        take(\"SMALL\", 1);
    }
    #[test]
    fn fails_at_times() {
        assert!(std::env::var_os(\"FAILS\").is_none());
    }
}
";

const FILE: &str = ".config/isotest-budgets.toml";

fn project(place: &Path) -> Project {
    Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", LIBRARY)])
}

fn budgets(project: &Project, arguments: &[&str]) -> Call {
    isotest(project).arguments(["budgets"]).arguments(arguments.iter().copied())
}

fn text(project: &Project) -> String {
    fs::read_to_string(project.directory.join(FILE)).unwrap_or_default()
}

#[test]
fn budgets_are_recorded_held_and_raised() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    // What would end a run after a failure ends none that is for the sake of budgets.
    let init = budgets(&project, &["init", "--runs", "2"]).variable("FAILS", "1");
    let ended = init.variable("ISOTEST_FAIL_FAST", "true").variable("ISOTEST_JOBS", "1").run();
    if is_refused_without_cgroups(&ended, "memory") {
        return;
    }
    let ended = ended.with_code(0);
    assert!(
        ended.stdout.contains("fails_at_times: no budget of memory, since not every attempt"),
        "{ended:#?}"
    );
    let recorded = text(&project);
    let lines: Vec<_> = recorded.lines().skip_while(|line| *line != "[small]").collect();
    assert!(
        matches!(lines[..], ["[small]", large, small]
        if large.starts_with("\"tests::large\" = { memory = \"") && small.starts_with("\"tests::small\"")),
        "{recorded}"
    );
    assert!(!ended.stdout.contains("--runs '"), "what repeats a test is a run: {ended:#?}");

    let check = budgets(&project, &["check"]).run().with_code(0);
    assert_eq!(check.stdout, "small tests::fails_at_times: no recorded budget\n");
    isotest(&project).run().with_code(0);
    let over = isotest(&project).variable("LARGE", "90").run().with_code(99);
    assert_eq!(over.word("tests::large"), "OVER-BUDGET");
    let place_of_large = recorded.lines().position(|line| line.contains("large")).unwrap() + 1;
    assert!(over.stdout.contains(&format!("{FILE}:{place_of_large}")), "{over:#?}");
    isotest(&project).variable("LARGE", "90").arguments(["--budgets", "report"]).run().with_code(0);

    // By hand a comment was written, and an own limit.
    fs::write(
        project.directory.join(FILE),
        recorded.replace("\"tests::small\"", "# By hand.\n\"tests::small\""),
    )
    .unwrap();
    let accepted = budgets(&project, &["accept", "--runs", "1", "large"]).variable("LARGE", "90").run();
    assert!(accepted.with_code(0).stdout.contains("wrote 1 budget"), "{recorded}");
    assert!(text(&project).contains("# By hand.\n\"tests::small\""), "{}", text(&project));
    isotest(&project).variable("LARGE", "90").run().with_code(0);
    let again = budgets(&project, &["init", "--runs", "1", "--headroom", "900"]).run().with_code(0);
    assert!(again.stdout.contains("wrote 1 budget"), "only that of the new test: {again:#?}");
    let listed = budgets(&project, &["list", "--message-format", "json"]).run().with_code(0);
    assert_eq!(listed.stdout.lines().count(), 3, "{listed:#?}");
    assert!(listed.stdout.lines().all(|line| line.contains(FILE)), "{listed:#?}");
}

#[test]
fn a_link_in_its_place_stays_and_lines_end_as_they_did() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let (link, target) = (project.directory.join(FILE), project.directory.join("shared.toml"));
    fs::create_dir(project.directory.join(".config")).unwrap();
    std::os::unix::fs::symlink("../shared.toml", &link).unwrap();
    fs::write(&target, "\u{feff}# Ours.\r\n\r\n[small]\r\n\"tests::small\" = { memory = \"9 MiB\" }\r\n")
        .unwrap();
    let ended = budgets(&project, &["init", "--runs", "1", "large"]).run();
    if is_refused_without_cgroups(&ended, "memory") {
        return;
    }
    ended.with_code(0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let written = fs::read_to_string(&target).unwrap();
    assert!(written.starts_with("\u{feff}# Ours.\r\n\r\n[small]\r\n\"tests::large\""), "{written:?}");
    assert_eq!(written.matches('\n').count(), written.matches("\r\n").count(), "{written:?}");
    budgets(&project, &["check", "small"]).run().with_code(0);
}

#[test]
fn what_is_wrong_with_the_file_is_told() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    fs::create_dir(project.directory.join(".config")).unwrap();
    let write = |text: &str| fs::write(project.directory.join(FILE), text).unwrap();
    write("[small]\n\"tests::gone\" = { wall = \"9 h\" }\n");
    let stale = budgets(&project, &["check", "large"]).run().with_code(96);
    let expected =
        format!("{FILE}:2: `small` has no test `tests::gone`\nsmall tests::large: no recorded budget\n");
    assert_eq!(stale.stdout, expected);
    let ran = isotest(&project).run().with_code(0);
    assert!(ran.stdout.contains(&format!("the budget at {FILE}:2 holds for no test")), "{ran:#?}");
    write("[small]\n\"tests::large\" = { memory = \"64\" }\n");
    let wrong = isotest(&project).run().with_code(96);
    assert!(wrong.stderr.contains(&format!("{FILE}:2: `memory`: `64` is no size")), "{wrong:#?}");
    isotest(&project).arguments(["--budgets", "off"]).run().with_code(0);
}

#[test]
fn what_a_test_needs_is_found_by_limits() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let need = budgets(&project, &["need", "large"]).run();
    if is_refused_without_cgroups(&need, "memory") {
        return;
    }
    let need = need.with_code(0);
    let last = need.stdout.lines().last().unwrap();
    assert!(last.starts_with("small tests::large needs 4") && last.contains(" MiB; its peak"), "{need:#?}");
    assert!(need.stdout.lines().any(|line| line.ends_with("it does not pass")), "{need:#?}");
    budgets(&project, &["need"]).run().with_code(2);
    let fails = budgets(&project, &["need", "fails"]).variable("FAILS", "1").run().with_code(100);
    assert!(fails.stderr.contains("it does not pass without a limit"), "{fails:#?}");
}

#[test]
fn what_was_changed_since_a_commit_or_a_file_is_told() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    fs::create_dir(project.directory.join(".config")).unwrap();
    let write = |memory: &str| {
        let text = format!("[small]\n\"tests::large\" = {{ memory = \"{memory}\" }}\n");
        fs::write(project.directory.join(FILE), text).unwrap();
    };
    write("64 MiB");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let run = Command::new("git").args(identity).args(arguments).current_dir(&project.directory).output();
        assert!(run.unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", FILE]);
    git(&["commit", "--quiet", "--message", "budgets"]);
    let diff = |base: &[&str]| budgets(&project, &[&["diff"], base].concat()).run();
    assert_eq!(diff(&[]).with_code(0).stdout, "", "control");
    let before = project.directory.join("before.toml");
    fs::copy(project.directory.join(FILE), &before).unwrap();
    write("96 MiB");
    let changed = "~ small tests::large: memory 64 MiB -> 96 MiB (+50 %)\n";
    for base in [&[][..], &["HEAD"], &[before.to_str().unwrap()]] {
        assert_eq!(diff(base).with_code(0).stdout, changed, "{base:?}");
    }
    assert!(diff(&["nowhere"]).with_code(2).stderr.contains("cannot compare with `nowhere`"));
    let blob = ["rev-parse".to_owned(), format!("HEAD:{FILE}")];
    let blob = Command::new("git").args(blob).current_dir(&project.directory).output().unwrap();
    let blob = String::from_utf8(blob.stdout).unwrap();
    let (directory, name) = blob.trim().split_at(2);
    fs::remove_file(project.directory.join(".git/objects").join(directory).join(name)).unwrap();
    let lost = diff(&[]).with_code(2);
    assert!(
        lost.stderr.contains("cannot compare with `HEAD`"),
        "what is gone is not taken for none: {lost:#?}"
    );
}
