//! Settings of some tests only, and the resulting settings of each test; pure.

use super::error::{ConfigError, Fault, SettingsError};
use super::setting::{Place, Setting};
use super::test::{TestLayer, TestSettings};
use crate::cli::RootWord;
use crate::remark::Remark;
use crate::select::filterset::{Filterset, Known, TestQuery};
use crate::testcase::{TestBinary, TestCase};
use crate::values::Platforms;
use isotest_core::limits::Control;
use isotest_core::policy::{Capability, Level};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

/// Settings of the tests that a filterset matches.
#[derive(Debug, Clone)]
pub(super) struct Override {
    /// Filterset of the tests; `None` for all tests.
    pub(super) filter: Option<Filterset>,
    /// Place of the override.
    pub(super) place: Place,
    /// Platforms on which the override holds.
    pub(super) platforms: Platforms,
    /// Filterset of the tests that run by default on these platforms.
    pub(super) default_filter: Option<Setting<Filterset>>,
    /// Settings of the tests.
    pub(super) layer: TestLayer,
}

impl Override {
    fn holds_for(&self, query: &TestQuery<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(query))
    }
}

/// Settings of tests: those above all overrides, those of each override, and those below.
#[derive(Debug, Clone, Default)]
pub(super) struct Overrides {
    upper: TestLayer,
    /// Overrides, of which the first that has a value decides.
    each: Vec<Override>,
    lower: TestLayer,
    levels: Vec<Setting<(Capability, Level)>>,
}

impl Overrides {
    /// Creates overrides between settings of tests above and below them, with levels of capabilities.
    pub(super) const fn new(
        upper: TestLayer,
        each: Vec<Override>,
        lower: TestLayer,
        levels: Vec<Setting<(Capability, Level)>>,
    ) -> Self {
        Self { upper, each, lower, levels }
    }

    /// Returns the controllers of limits that some override sets, and those of budgets.
    pub(super) fn controls(&self) -> Vec<Control> {
        let layers = self.each.iter().map(|one| &one.layer);
        let has_memory = |layer: &TestLayer| layer.budgets.iter().any(|budget| budget.value.memory.is_some());
        let of_budgets = layers.clone().chain([&self.lower]).any(has_memory).then_some(Control::Memory);
        let mut controls: Vec<_> =
            layers.flat_map(|layer| layer.limits.limits().controls()).chain(of_budgets).collect();
        controls.sort_by_key(|control| *control as u8);
        controls.dedup();
        controls
    }

    /// Returns the roots that overrides give their tests; none if a higher setting gives all tests theirs.
    pub(super) fn roots(&self) -> impl Iterator<Item = &Setting<RootWord>> {
        let each = if self.upper.root.is_none() { &*self.each } else { &[] };
        each.iter().filter_map(|one| one.layer.root.as_ref())
    }

    /// Returns the roots that tests of a binary may have: first the one of all tests for which no other is chosen by
    /// more than their binary, which is `base` if no override holds for all of them.
    pub(super) fn roots_of<'a>(
        &'a self,
        base: &'a Setting<RootWord>,
        binary: &TestBinary,
    ) -> Vec<&'a Setting<RootWord>> {
        let mut roots = vec![base];
        let each = if self.upper.root.is_none() { &*self.each } else { &[] };
        for (one, root) in each.iter().filter_map(|one| Some((one, one.layer.root.as_ref()?))) {
            match one.filter.as_ref().map_or(Some(true), |filter| filter.of_binary(binary)) {
                Some(true) => {
                    roots[0] = root;
                    break;
                }
                None => roots.push(root),
                Some(false) => {}
            }
        }
        roots
    }

    /// Returns the paths that overrides let their tests write through to the host.
    pub(super) fn keeps(&self) -> impl Iterator<Item = &Setting<PathBuf>> {
        self.each.iter().flat_map(|one| &one.layer.keeps)
    }

    /// Returns whether an override retries its tests.
    pub(super) fn retry_some(&self) -> bool {
        self.each.iter().any(|one| one.layer.retries.as_ref().is_some_and(|retries| 0 < retries.value.count))
    }

    /// Returns whether an override lets its tests share a sandbox.
    pub(super) fn share_some(&self) -> bool {
        self.each.iter().any(|one| one.layer.per_binary.is_some_and(|shares| shares.value))
    }

    /// Lets all tests write further paths through to the host.
    pub(super) fn keep(&mut self, paths: &[Setting<PathBuf>]) {
        self.lower.keeps.extend_from_slice(paths);
    }

    /// Checks that each name in a filter matches something in the project. Returns whether a filter contains a
    /// predicate about dependencies between packages.
    ///
    /// # Errors
    /// When a name matches nothing.
    pub(super) fn check(&self, known: &Known) -> Result<bool, SettingsError> {
        let mut needs_dependencies = false;
        for (filter, place) in self.each.iter().filter_map(|one| Some((one.filter.as_ref()?, one.place))) {
            let wrong = |error| ConfigError { place, fault: Fault::Filter { key: "filter", error } };
            filter.check(known).map_err(wrong)?;
            needs_dependencies |= filter.needs_dependencies();
        }
        Ok(needs_dependencies)
    }

    /// Returns the settings of each test; `base` for tests that no override matches. Tests that the same overrides
    /// match share their settings.
    ///
    /// # Errors
    /// When a setting of a test is invalid, or its settings contradict each other.
    pub(super) fn for_tests<'a>(
        &self,
        base: &TestSettings,
        tests: impl IntoIterator<Item = &'a TestCase>,
    ) -> Result<Vec<Arc<TestSettings>>, SettingsError> {
        let mut made = BTreeMap::from([(Vec::new(), Arc::new(base.clone()))]);
        let mut of_binaries = HashMap::new();
        let of_test = |test: &'a TestCase| {
            let candidates =
                of_binaries.entry(Arc::as_ptr(&test.binary)).or_insert_with(|| self.candidates(&test.binary));
            let query = TestQuery::from(test);
            let holds =
                |(number, is_for_all): &&(usize, bool)| *is_for_all || self.each[*number].holds_for(&query);
            let matching: Vec<usize> = candidates.iter().filter(holds).map(|(number, _)| *number).collect();
            if let Some(settings) = made.get(&matching) {
                return Ok(Arc::clone(settings));
            }
            let settings = Arc::new(self.settings(&matching)?);
            made.insert(matching, Arc::clone(&settings));
            Ok(settings)
        };
        tests.into_iter().map(of_test).collect()
    }

    /// Returns the numbers of the overrides that can hold for a test of a binary, and whether they hold for all of
    /// its tests.
    fn candidates(&self, binary: &TestBinary) -> Vec<(usize, bool)> {
        let decided = self.each.iter().map(|one| match &one.filter {
            Some(filter) => filter.of_binary(binary),
            None => Some(true),
        });
        let decided = decided.enumerate().filter(|(_, decided)| *decided != Some(false));
        decided.map(|(number, decided)| (number, decided.is_some())).collect()
    }

    fn settings(&self, matching: &[usize]) -> Result<TestSettings, SettingsError> {
        let layer = self.layer(matching.iter().map(|number| &self.each[*number]));
        TestSettings::from_layer(layer, &self.levels)
    }

    /// Merges the settings of the matching overrides with those above and below them.
    pub(super) fn layer<'a>(&self, matching: impl IntoIterator<Item = &'a Override>) -> TestLayer {
        let overrides = matching.into_iter().map(|one| one.layer.clone());
        overrides.fold(self.upper.clone(), TestLayer::or).or(self.lower.clone())
    }

    /// Returns a warning for each override that holds for none of the tests.
    pub(super) fn unused(&self, tests: &[TestCase]) -> Vec<Remark> {
        let is_unused = |one: &&Override| !tests.iter().any(|test| one.holds_for(&TestQuery::from(test)));
        let say = |one: &Override| {
            let filter = one.filter.as_ref().map(ToString::to_string).unwrap_or_default();
            let filter = filter.split_whitespace().collect::<Vec<_>>().join(" ");
            Remark::UnusedOverride { place: one.place.to_string(), filter }
        };
        self.each.iter().filter(is_unused).map(say).collect()
    }

    /// Returns the levels of capabilities.
    pub(super) fn levels(&self) -> &[Setting<(Capability, Level)>] {
        &self.levels
    }

    /// Returns the overrides that hold for a test, or all overrides without a test.
    pub(super) fn of(&self, test: Option<&TestCase>) -> Vec<&Override> {
        let query = test.map(TestQuery::from);
        self.each.iter().filter(|one| query.as_ref().is_none_or(|query| one.holds_for(query))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::setting::{Part, Table};
    use crate::testing::builders;
    use std::path::Path;

    fn said(root: &str) -> TestLayer {
        let root = RootWord::read(root.as_ref()).unwrap();
        TestLayer { root: Some(Setting::default(root)), ..TestLayer::default() }
    }

    fn roots(upper: TestLayer, each: &[(&str, &str)]) -> Vec<String> {
        let place = Place { table: Table::kept(Path::new("isotest.toml"), Part::Whole), line: 1 };
        let each = each.iter().map(|(filter, root)| Override {
            filter: (!filter.is_empty()).then(|| Filterset::parse(filter).unwrap()),
            place,
            platforms: Platforms::default(),
            default_filter: None,
            layer: said(root),
        });
        let overrides = Overrides::new(upper, each.collect(), TestLayer::default(), Vec::new());
        let base = Setting::default(RootWord::Host);
        let found = overrides.roots_of(&base, &builders::test("tour", "reads").binary);
        found.into_iter().map(|root| root.value.to_string()).collect()
    }

    #[test]
    fn the_first_root_of_a_binary_is_that_of_all_its_tests() {
        let usual = |each| roots(TestLayer::default(), each);
        assert_eq!(usual(&[]), ["host"]);
        assert_eq!(usual(&[("test(reads)", "minimal"), ("binary_id(other)", "dir:/a")]), ["host", "minimal"]);
        let all = [("test(reads)", "minimal"), ("binary_id(tour)", "dir:/a"), ("", "dir:/b")];
        assert_eq!(usual(&all), ["dir:/a", "minimal"]);
        assert_eq!(usual(&all[2..]), ["dir:/b"]);
        assert_eq!(roots(said("host"), &all), ["host"], "a higher setting");
    }
}
