//! Setup scripts of a run: the sandboxes in which they are executed, and their effects on later tests.

use crate::app::session::Session;
use crate::error::{Error, HostError};
use crate::harness::together::Unit;
use crate::invocation::Invocation;
use crate::sandboxes::setup_place::OfScript;
use crate::sandboxes::{ForTests, Sandboxes};
use crate::schedule::needs::Needs;
use crate::schedule::setup::{self, DIRECTORY, Script, SetUp, VARIABLES, Variables};
use crate::schedule::slot_environment;
use crate::schedule::{OUTPUT_BYTES, Schedule};
use crate::settings::{Bind, Execution, Setting, SetupScript, TestSettings};
use crate::testcase::{TestBinary, TestCase};
use isotest_core::plan::{SandboxPlan, Workload};
use isotest_core::sys::clock::Instant;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

/// Binary id under which scripts are reported.
const ID: &str = "@setup-script";

/// Units to execute, with the setup scripts that they need.
#[derive(Debug)]
pub(super) struct Prepared<'run> {
    units: &'run [Unit<'run>],
    /// Settings of each unit, with the output of its scripts.
    pub(super) of_each: Vec<Arc<TestSettings>>,
    /// Scripts in the order in which they are executed.
    pub(super) scripts: Vec<Script>,
    /// Template of each unit.
    pub(super) shown: ForTests,
}

impl Prepared<'_> {
    /// Returns the variables that the scripts of each unit set; later scripts take precedence.
    pub(super) fn variables(&self, set_up: &SetUp) -> Vec<Variables> {
        self.of_each.iter().map(|own| variables_of(own, &self.scripts, set_up)).collect()
    }

    /// Returns the schedule of a run that begins now with its units, each of which is executed once and leaves no evidence.
    pub(super) fn schedule<'a>(
        &'a self,
        needs: &'a Needs,
        variables: &'a [Variables],
        execution: &'a Execution,
        sandboxes: &'a Sandboxes,
    ) -> Schedule<'a> {
        Schedule {
            units: self.units,
            of_each: &self.of_each,
            shown: &self.shown,
            needs,
            variables,
            wish: None,
            execution,
            stress: None,
            began: Instant::now(),
            sandboxes,
            evidence: None,
        }
    }
}

/// Context of the setup scripts of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setups<'run> {
    /// Session of the project.
    pub(super) session: &'run Session,
    /// Environment and working directory of the caller.
    pub(super) invocation: &'run Invocation,
    /// Sandboxes of the run.
    pub(super) sandboxes: &'run Sandboxes,
}

impl Setups<'_> {
    /// Prepares units with these settings, and the scripts that they need.
    ///
    /// # Errors
    /// When there is no directory for the scripts' output, or no sandbox.
    pub(super) fn prepare<'a>(
        self,
        units: &'a [Unit<'a>],
        of_each: &[Arc<TestSettings>],
    ) -> Result<Prepared<'a>, Error> {
        let scripts = self.scripts(of_each)?;
        let of_each = shown(of_each, &scripts);
        let tests = units.iter().map(|unit| &unit.tests()[0]).zip(&of_each);
        let shown = self.session.for_tests(self.sandboxes, self.invocation, tests)?;
        Ok(Prepared { units, of_each, scripts, shown })
    }

    /// Prepares the scripts that some tests need, in the order in which they are executed.
    fn scripts(self, of_each: &[Arc<TestSettings>]) -> Result<Vec<Script>, Error> {
        let mut needed: Vec<&Setting<Arc<SetupScript>>> = Vec::new();
        for setup in of_each.iter().flat_map(|own| &own.setups) {
            if needed.iter().all(|other| other.value.number != setup.value.number) {
                needed.push(setup);
            }
        }
        needed.sort_by_key(|setup| setup.value.number);
        needed.into_iter().map(|setup| self.script(setup)).collect()
    }

    fn script(self, Setting { value: script, origin }: &Setting<Arc<SetupScript>>) -> Result<Script, Error> {
        let unmade = |source| HostError::SetupPlace { source };
        let place = self.session.setup_place(self.invocation)?.of_script(&script.name).map_err(unmade)?;
        let run = self.session.build.binaries.first().map(|binary| Arc::clone(&binary.run));
        let binary = TestBinary { id: ID.to_owned(), run: run.unwrap_or_default(), ..TestBinary::default() };
        let title = TestCase::named(&Arc::new(binary), script.name.as_ref());
        let kept = [&place.directory, &place.variables];
        let kept = kept.map(|path| Setting { value: path.clone(), origin: *origin });
        let settings = Arc::new(self.settings(script, kept));
        let ForTests { templates, images, .. } =
            self.session.for_tests(self.sandboxes, self.invocation, [(&title, &settings)])?;
        let template = templates.first().map_or_else(|| Arc::clone(self.sandboxes.first()), Arc::clone);
        let plan = SandboxPlan {
            workload: self.workload(script, &place, &title),
            timeout: settings.end(),
            limits: settings.limits.limits(),
            measured: true,
            inherit_stdio: !self.session.settings.execution.capture.value,
            interactive: None,
            leak_grace: SandboxPlan::LEAK_GRACE,
            output_bytes: OUTPUT_BYTES,
        };
        let image = images.first().map(Arc::clone).unwrap_or_default();
        Ok(Script { title, settings, template, image, plan, place })
    }

    /// Returns the settings of a script: views and isolation as for tests, without their limits.
    fn settings(self, script: &SetupScript, kept: [Setting<PathBuf>; 2]) -> TestSettings {
        let base = &self.session.settings.test;
        let usual = TestSettings::default();
        TestSettings {
            timeout: script.timeout.map_or(usual.timeout, |timeout| timeout.map(Some)),
            slow_timeout: script.slow_timeout.unwrap_or(usual.slow_timeout),
            root: base.root.clone(),
            network: base.network,
            binds: base.binds.clone(),
            keeps: base.keeps.iter().cloned().chain(kept).collect(),
            policy: base.policy.clone(),
            ..usual
        }
    }

    /// Returns the workload of a script, in the directory of the workspace.
    fn workload(self, script: &SetupScript, place: &OfScript, title: &TestCase) -> Workload {
        let workspace = &self.session.build.directories.workspace;
        let mut environment = self.invocation.sandboxed_environment();
        let told: [(&str, OsString); 4] = [
            (VARIABLES, place.variables.clone().into()),
            (DIRECTORY, place.directory.clone().into()),
            ("NEXTEST_RUN_ID", title.binary.run.id.clone().into()),
            ("NEXTEST_WORKSPACE_ROOT", workspace.clone().into()),
        ];
        slot_environment::tell(&mut environment, told.map(|(name, value)| (name.into(), value)).into());
        Workload {
            program: script.command.program(workspace),
            arguments: script.command.arguments().collect(),
            environment,
            directory: workspace.clone(),
        }
    }
}

/// Shows tests the output of their scripts. Tests that shared their settings still do.
fn shown(of_each: &[Arc<TestSettings>], scripts: &[Script]) -> Vec<Arc<TestSettings>> {
    let mut known: HashMap<*const TestSettings, Arc<TestSettings>> = HashMap::new();
    let seen = |own: &Arc<TestSettings>| {
        if own.setups.is_empty() {
            return Arc::clone(own);
        }
        let seeing = known.entry(Arc::as_ptr(own)).or_insert_with(|| {
            let binds = own.setups.iter().filter_map(|Setting { value: setup, origin }| {
                let path = script(scripts, &setup.name)?.place.directory.clone();
                Some(Setting { value: Bind { path, access: setup.access }, origin: *origin })
            });
            Arc::new(TestSettings {
                binds: own.binds.iter().cloned().chain(binds).collect(),
                ..TestSettings::clone(own)
            })
        });
        Arc::clone(seeing)
    };
    of_each.iter().map(seen).collect()
}

fn variables_of(own: &TestSettings, scripts: &[Script], set_up: &SetUp) -> Variables {
    let mut variables = Variables::new();
    for script in own.setups.iter().filter_map(|setup| script(scripts, &setup.value.name)) {
        setup::set(&mut variables, OsStr::new(DIRECTORY), script.place.directory.as_os_str());
        for (name, value) in set_up.variables.get(&script.title.name).into_iter().flatten() {
            setup::set(&mut variables, name, value);
        }
    }
    variables
}

fn script<'a>(scripts: &'a [Script], name: &str) -> Option<&'a Script> {
    scripts.iter().find(|script| script.title.name == name)
}
