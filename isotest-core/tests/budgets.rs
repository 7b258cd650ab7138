//! What the attribute leaves in test binaries, however these are built, and what it costs its user.
#![expect(clippy::expect_used, reason = "a test ends where it cannot go on")]

use elf::ElfStream;
use elf::endian::AnyEndian;
use isotest_core::budget::{self, Entry};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROJECTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/projects");

/// Builds the tests of a project and returns their binaries by name.
fn built(project: &str, arguments: &[&str]) -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--no-run", "--quiet", "--locked", "--message-format", "json", "--target-dir"]);
    cargo.arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join(project)).args(arguments);
    let output = cargo.current_dir(Path::new(PROJECTS).join(project)).output().expect("cargo is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes text");
    let executables = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        Some(PathBuf::from(rest.split('"').next()?))
    });
    let name = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.split('-').next().unwrap_or_default().to_owned()
    };
    executables.map(|path| (name(&path), path)).collect()
}

/// Reads the entries of a binary, which is not executed.
fn entries(binary: &Path) -> Vec<Entry> {
    let file = File::open(binary).expect("it was built");
    let mut elf = ElfStream::<AnyEndian, _>::open_stream(file).expect("it is an ELF file");
    let header = elf.section_header_by_name(budget::SECTION).expect("its sections can be read");
    let header = *header.expect("it has budgets");
    assert_eq!(header.sh_addralign, 1);
    let (data, _) = elf.section_data(&header).expect("its section can be read");
    let mut entries: Vec<_> = budget::entries(data).collect::<Result<_, _>>().expect("each can be read");
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    entries
}

/// The tests that a binary has.
fn tests(binary: &Path) -> Vec<String> {
    let listed =
        Command::new(binary).args(["--list", "--include-ignored"]).output().expect("it can be executed");
    let text = String::from_utf8(listed.stdout).expect("names are text");
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// The budget in processes of each test that has one.
fn covered(binary: &Path) -> BTreeMap<String, Vec<u64>> {
    let entries = entries(binary);
    let of_test = |name: &String| {
        let covering = entries.iter().filter(|entry| entry.covers(name));
        covering.filter_map(|entry| entry.budget.procs).collect::<Vec<_>>()
    };
    let tests = tests(binary).into_iter().map(|name| (of_test(&name), name));
    tests.filter(|(procs, _)| !procs.is_empty()).map(|(procs, name)| (name, procs)).collect()
}

#[test]
fn every_order_of_attributes_covers_its_tests() {
    let binaries = built("attributes", &[]);
    let of_library = covered(&binaries["attributes"]);
    let expected = [("tests::above_test", 101), ("tests::deep::below_test", 102), ("tests::r#loop", 103)];
    assert_eq!(of_library, expected.map(|(name, procs)| (name.to_owned(), vec![procs])).into());

    let of_orders = covered(&binaries["orders"]);
    let expected = [
        ("above_tokio", 201),
        ("below_tokio", 202),
        ("above_rstest::case_1", 203),
        ("above_rstest::case_2", 203),
        ("below_rstest::case_1", 204),
        ("below_rstest::case_2", 204),
        ("above_test_case::test_case_1_one", 205),
        ("above_test_case::test_case_2_two", 205),
        ("below_test_case::test_case_1_one", 206),
        ("below_test_case::test_case_2_two", 206),
        ("in_a_macro", 207),
        ("ignored_in_a_macro", 208),
        ("in_proptest", 209),
        ("panics", 210),
    ];
    assert_eq!(of_orders, expected.map(|(name, procs)| (name.to_owned(), vec![procs])).into());
    let without = tests(&binaries["orders"]).into_iter().filter(|name| !of_orders.contains_key(name));
    assert_eq!(without.collect::<Vec<_>>(), ["without_budget"], "control");
}

#[test]
fn entries_say_where_they_stand() {
    let entries = entries(&built("attributes", &[])["orders"]);
    let entry = entries.iter().find(|entry| entry.name == "above_tokio").expect("it has one");
    assert_eq!((entry.crate_name.as_str(), entry.file.as_str()), ("orders", "tests/orders.rs"));
    let text = std::fs::read_to_string(Path::new(PROJECTS).join("attributes/tests/orders.rs"));
    let text = text.expect("it is there");
    let line = text.lines().nth(entry.line as usize - 1);
    assert_eq!(line, Some("#[budget(procs = 201)]"));
}

#[test]
fn nothing_that_a_linker_leaves_out_is_an_entry() {
    let debug = entries(&built("budgets", &[])["budgets"]);
    let optimized = entries(&built("budgets", &["--release"])["budgets"]);
    assert!(debug.len() > 5, "control");
    assert_eq!(debug, optimized);
}

#[test]
fn whoever_only_budgets_tests_builds_two_packages_more() {
    let packages = |features: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "tree",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--no-dedupe",
            "--locked",
            "--offline",
        ]);
        cargo.args(["--package", "isotest-core"]).args(features).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = cargo.output().expect("cargo is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("cargo writes text");
        let mut names: Vec<_> =
            text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(packages(&["--no-default-features"]), ["isotest-core", "isotest-macros"]);
    assert!(packages(&[]).len() > 5, "control: the sandbox needs more");
}
