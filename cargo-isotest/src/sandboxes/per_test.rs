//! Sandboxes of tests with overrides: their templates, and the check that this host supports them.

use super::{Facts, Sandboxes, Shown, cannot_limit, unmet};
use crate::error::Error;
use crate::invocation::Invocation;
use crate::remark::Remark;
use crate::remedy::Obstacle;
use crate::sandboxes::error::SandboxError;
use crate::sandboxes::roots::{Image, RootError, Roots};
use crate::settings::{Origin, Settings, TestSettings};
use crate::testcase::{TestBinary, TestCase};
use isotest_core::host::bounds;
use isotest_core::plan::{Resolved, Template};
use isotest_core::policy::{Capability, Isolation, State};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Context for which the sandboxes of a run are prepared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForRun<'a> {
    /// Settings of the run.
    pub(crate) settings: &'a Settings,
    /// Environment and working directory of the caller.
    pub(crate) invocation: &'a Invocation,
}

/// Templates of tests, and remarks on them for the report.
#[derive(Debug, Default)]
pub(crate) struct ForTests {
    /// Template of each test.
    pub(crate) templates: Vec<Arc<Template>>,
    /// Configuration of the container image of each test's root.
    pub(crate) images: Vec<Arc<Image>>,
    /// Remarks on isolation that holds for some tests only.
    pub(crate) remarks: Vec<Remark>,
    /// Groups of tests that share namespaces and files.
    pub(crate) sharing: Vec<Sharing>,
}

/// Tests of a binary that share namespaces and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// Id of the binary.
    pub(crate) binary_id: String,
    /// Number of the tests.
    pub(crate) tests: usize,
}

/// Template of tests with the same view of the host.
struct Variant<'a> {
    /// Index of the tests' root among those of the run.
    root: usize,
    /// Binary of the tests, if they share namespaces and files.
    sharing: Option<&'a Arc<TestBinary>>,
    settings: &'a Arc<TestSettings>,
    template: Arc<Template>,
    /// Isolation by the template; `None` for one of the run's own templates.
    isolation: Option<Isolation>,
    /// Whether no sandbox was made yet by the template or by one like it.
    is_untried: bool,
    tests: usize,
}

impl<'a> Variant<'a> {
    /// Turns the variant into one of tests that share namespaces and files, if `sharing` names their binary.
    fn shared_in(self, sharing: Option<&'a Arc<TestBinary>>) -> Self {
        if sharing.is_none() {
            return self;
        }
        Self { sharing, template: Arc::new(self.template.in_common()), is_untried: true, ..self }
    }

    /// Returns a variant like this one for the tests of another binary.
    fn of_another(&self, sharing: Option<&'a Arc<TestBinary>>) -> Self {
        let template = Arc::new(Template::clone(&self.template));
        Self { sharing, template, isolation: None, is_untried: false, tests: 0, ..*self }
    }

    fn sharing(&self) -> Option<Sharing> {
        let binary_id = self.sharing?.id.clone();
        Some(Sharing { binary_id, tests: self.tests })
    }
}

/// Returns the remark on tests that share namespaces and files.
fn remark_on(sharing: &[Sharing]) -> Option<Remark> {
    let sharing: Vec<_> = sharing.iter().filter(|sharing| sharing.tests > 1).collect();
    let tests = sharing.iter().map(|sharing| sharing.tests).sum();
    Some(match &*sharing {
        [] => return None,
        [one] => Remark::OneShares { tests, binary: one.binary_id.clone() },
        several => {
            let binaries: BTreeSet<_> = several.iter().map(|sharing| sharing.binary_id.clone()).collect();
            let binaries = binaries.into_iter().collect();
            Remark::SeveralShare { tests, binaries, groups: several.len() }
        }
    })
}

impl Sandboxes {
    /// Finds the template for each of these tests, or resolves it and tries it once, and checks that their limits can
    /// be set.
    ///
    /// # Errors
    /// When the host lacks a requirement of a test.
    pub(crate) fn for_tests<'a>(
        &self,
        run: ForRun<'_>,
        tests: impl IntoIterator<Item = (&'a TestCase, &'a Arc<TestSettings>)>,
    ) -> Result<ForTests, Error> {
        let mut variants: Vec<Variant<'_>> = Vec::new();
        let mut numbers: HashMap<(usize, *const TestSettings, Option<*const TestBinary>), usize> =
            HashMap::new();
        let mut limited: Vec<&Arc<TestSettings>> = Vec::new();
        let (mut templates, mut images, mut elsewhere) = (Vec::new(), Vec::new(), Elsewhere::default());
        for (test, own) in tests {
            self.roots.usable(&own.root.value)?;
            let root = self.roots.index(&own.root.value, &test.binary);
            if root != self.roots.asked_in(&test.binary) {
                elsewhere.add(&test.binary, own);
            }
            let sharing = own.per_binary.value.then_some(&test.binary);
            let number = match numbers.entry((root, Arc::as_ptr(own), sharing.map(Arc::as_ptr))) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    limited.push(own);
                    let of_binary = sharing.map(Arc::as_ptr);
                    let is_alike =
                        |other: &Variant<'_>| other.root == root && sees_the_same(own, other.settings);
                    let is_own = |other: &Variant<'_>| other.sharing.map(Arc::as_ptr) == of_binary;
                    let known = variants.iter().position(|other| is_alike(other) && is_own(other));
                    if known.is_none() {
                        let alike = variants.iter().find(|other| is_alike(other) && other.sharing.is_some());
                        variants.push(match (sharing, alike) {
                            (Some(_), Some(alike)) => alike.of_another(sharing),
                            _ => self.variant(run, root, own)?.shared_in(sharing),
                        });
                    }
                    *new.insert(known.unwrap_or(variants.len() - 1))
                }
            };
            let variant = &mut variants[number];
            variant.tests += 1;
            templates.push(Arc::clone(&variant.template));
            images.push(Arc::clone(&self.roots.each[root].image));
        }
        elsewhere.check(&self.roots)?;
        self.check_limits(&run.settings.test, &limited)?;
        let further = variants.iter().filter(|variant| variant.isolation.is_some());
        let untried = variants.iter().filter(|variant| variant.is_untried);
        untried.clone().try_for_each(|variant| self.slot(&variant.template).map(drop))?;
        let mut remarks: Vec<Remark> = Vec::new();
        for remark in further.flat_map(|variant| self.remarks(variant)) {
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
        let sharing: Vec<_> = variants.iter().filter_map(Variant::sharing).collect();
        remarks.extend(remark_on(&sharing));
        Ok(ForTests { templates, images, remarks, sharing })
    }

    fn variant<'a>(
        &self,
        ForRun { settings, invocation }: ForRun<'_>,
        root: usize,
        own: &'a Arc<TestSettings>,
    ) -> Result<Variant<'a>, Error> {
        if own.root.value == settings.test.root.value && sees_the_same(own, &settings.test) {
            let template = Arc::clone(&self.templates[root]);
            return Ok(Variant {
                root,
                sharing: None,
                settings: own,
                template,
                isolation: None,
                is_untried: false,
                tests: 0,
            });
        }
        let facts = Facts {
            host: &self.host,
            cgroups: &self.cgroups,
            missing: &self.missing,
            refused: &self.refused_views,
            jobs: settings.execution.jobs.value.get(),
        };
        let shown = Shown::new(&settings.sandbox, own, &self.roots.each[root], invocation);
        let Resolved { template, isolation, unmet: lacking } = facts.resolve(&settings.sandbox, own, &shown);
        if !lacking.is_empty() {
            return Err(unmet(lacking.into_iter().map(Obstacle::from).collect(), &self.host).into());
        }
        Ok(Variant {
            root,
            sharing: None,
            settings: own,
            template: Arc::new(template),
            isolation: Some(isolation),
            is_untried: true,
            tests: 0,
        })
    }

    /// Checks that each limit can be set, and that its metric is measured, except for the limits of `base`, which
    /// were checked before.
    fn check_limits(&self, base: &TestSettings, all: &[&Arc<TestSettings>]) -> Result<(), SandboxError> {
        for own in all.iter().filter(|own| own.limits != base.limits) {
            let limits = own.limits.limits();
            let is_needed = |capability: Capability| match capability {
                Capability::Memory => limits.memory.is_some(),
                Capability::Pids => limits.pids.is_some(),
                _ => false,
            };
            let lacking = self.isolation.states.iter().filter_map(|(capability, state)| match state {
                State::Missing(reason) if is_needed(*capability) => {
                    Some((*capability, reason.clone()).into())
                }
                State::Missing(_) | State::InForce | State::Off => None,
            });
            let lacking: Vec<Obstacle> = lacking.collect();
            if !lacking.is_empty() {
                return Err(unmet(lacking, &self.host));
            }
            let controls = limits.controls();
            let refused = self.refused_controls.iter().filter(|(control, _)| controls.contains(control));
            let mut of_cgroups: Vec<_> = refused.cloned().collect();
            if of_cgroups.is_empty() {
                of_cgroups = self.cgroups.try_limits(&limits);
            }
            let of_processes = bounds::unmet(&limits.process);
            let error = cannot_limit(&self.cgroups, of_cgroups, of_processes, &self.host);
            error.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// Returns the remarks on isolation that holds for the tests of the variant only.
    fn remarks(&self, variant: &Variant<'_>) -> Vec<Remark> {
        let Some(isolation) = &variant.isolation else { return Vec::new() };
        let tests = variant.tests;
        let states = isolation.states.iter().zip(&self.isolation.states).filter(|(own, run)| own != run);
        let states = states.map(|((capability, state), _)| {
            let network = variant.settings.network.origin;
            let is_said = *capability == Capability::Net && matches!(network, Origin::File(..));
            let origin = is_said.then(|| network.to_string());
            let capability = capability.as_str();
            match state {
                State::InForce => Remark::InForce { capability, tests, origin },
                State::Missing(reason) => {
                    Remark::Missing { capability, tests, reason: reason.clone(), origin }
                }
                State::Off => Remark::Off { capability, tests, origin },
            }
        });
        let remarks = isolation.remarks.iter().filter(|remark| !self.isolation.remarks.contains(remark));
        let remarks = remarks.map(|remark| Remark::Sandbox(remark.clone()).for_some(tests, None));
        let origin = variant.settings.root.origin.to_string();
        let on_root = self.remarks_on_root(variant).into_iter();
        let on_root = on_root.map(|remark| remark.for_some(tests, Some(origin.clone())));
        states.chain(on_root).chain(remarks).collect()
    }

    /// Returns the remarks on the root of the variant, if it is another one than that of the run.
    fn remarks_on_root(&self, variant: &Variant<'_>) -> Vec<Remark> {
        let own = &self.roots.each[variant.root];
        if own.word.value == self.roots.each[0].word.value {
            return Vec::new();
        }
        if own.remarks.is_empty() {
            return vec![Remark::HostRoot];
        }
        own.remarks.clone()
    }
}

/// Binaries of tests that are executed in another root than their binary was asked for its tests in.
#[derive(Default)]
struct Elsewhere<'a> {
    known: HashSet<(*const TestSettings, *const TestBinary)>,
    /// Settings of tests, and the binaries of those tests.
    each: Vec<(&'a Arc<TestSettings>, Vec<&'a Arc<TestBinary>>)>,
}

impl<'a> Elsewhere<'a> {
    fn add(&mut self, binary: &'a Arc<TestBinary>, own: &'a Arc<TestSettings>) {
        if !self.known.insert((Arc::as_ptr(own), Arc::as_ptr(binary))) {
            return;
        }
        match self.each.iter_mut().find(|(other, _)| Arc::ptr_eq(other, own)) {
            Some((_, binaries)) => binaries.push(binary),
            None => self.each.push((own, vec![binary])),
        }
    }

    /// Checks that the binaries can be executed in the roots of their tests.
    fn check(self, roots: &Roots) -> Result<(), RootError> {
        self.each.into_iter().try_for_each(|(own, binaries)| roots.check(&own.root, own, binaries))
    }
}

/// Returns whether tests of one root with these settings can share a template.
fn sees_the_same<'a>(one: &'a TestSettings, other: &'a TestSettings) -> bool {
    let binds = |settings: &'a TestSettings| settings.binds.iter().map(|bind| &bind.value);
    let keeps = |settings: &'a TestSettings| settings.keeps.iter().map(|keep| &keep.value);
    one.network.value == other.network.value && binds(one).eq(binds(other)) && keeps(one).eq(keeps(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(groups: &[(&str, usize)]) -> String {
        let groups: Vec<_> =
            groups.iter().map(|(id, tests)| Sharing { binary_id: (*id).to_owned(), tests: *tests }).collect();
        remark_on(&groups).map(|remark| remark.to_string()).unwrap_or_default()
    }

    #[test]
    fn each_binary_is_counted_once_in_however_many_groups_its_tests_are() {
        assert_eq!(said(&[("a", 1), ("b", 1)]), "");
        let (one, rest) = ("the 2 tests of a share network and files", "and run one after another");
        assert_eq!(said(&[("a", 2), ("b", 1)]), format!("`per-binary`: {one}, {rest}"));
        assert_eq!(
            said(&[("a", 2), ("b", 3)]),
            format!(
                "`per-binary`: 5 tests of 2 binaries share network and files with the others of their binary, {rest} there"
            )
        );
        let same = "share network and files with those of their binary that see the same";
        assert_eq!(
            said(&[("a", 2), ("a", 3), ("a", 4)]),
            format!("`per-binary`: 9 tests of a {same}, in 3 groups, {rest} there")
        );
        assert_eq!(
            said(&[("a", 2), ("a", 3), ("b", 4)]),
            format!("`per-binary`: 9 tests of 2 binaries {same}, in 3 groups, {rest} there")
        );
    }
}
