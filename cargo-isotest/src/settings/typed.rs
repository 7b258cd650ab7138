//! Converts the command line into layers: that of the flags, and that of the arguments for the test harness.

use super::display::DisplayLayer;
use super::error::SettingsError;
use super::layer::Layer;
use super::limits::LimitSettings;
use super::paths;
use super::setting::{Origin, Setting};
use super::shard;
use super::test::TestLayer;
use crate::cli::{
    ConfigArgs, CutArgs, ExecutionArgs, Flags, LibtestWords, PolicyArgs, ReportFile, RunIgnored, SandboxArgs,
    SelectionArgs,
};
use crate::invocation::Invocation;
use crate::select::filterset::Filterset;
use crate::values::{Jobs, MaxFail};
use anstream::ColorChoice;
use isotest_core::policy::{Capability, Level};
use std::path::PathBuf;
use std::time::Duration;

/// Returns the layer of the flags.
pub(super) fn flags(
    flags: Flags,
    filters: Vec<String>,
    invocation: &Invocation,
) -> Result<Layer, SettingsError> {
    let Flags {
        selection,
        execution,
        history,
        sandbox,
        updates,
        limits,
        policy,
        format,
        display,
        files,
        cargo,
        ..
    } = flags;
    let SelectionArgs { names, filtersets, ignore_default_filter, run_ignored, partition } = selection;
    let filtersets = filtersets.expressions.iter().map(|text| Filterset::parse(text));
    let color = cargo.output.color.color.map(|color| match color {
        clap::ColorChoice::Auto => ColorChoice::Auto,
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
    });
    let said = Layer {
        filters,
        skips: names.skip,
        filtersets: filtersets.collect::<Result<_, _>>()?,
        ignore_default_filter: given("--ignore-default-filter", ignore_default_filter),
        exact: given("--exact", names.exact),
        partition: partition.map(|word| shard::partition(word, invocation)).transpose()?,
        ignored: run_ignored.map(|which| Setting::flag("--run-ignored", which)),
        history: given("--no-history", history.no_history).map(negated),
        memory_aware: given("--no-memory-aware", history.no_memory_aware).map(negated),
        discard_updates: given("--discard-updates", updates.discard_updates),
        test: TestLayer { limits: LimitSettings::typed(limits)?, ..TestLayer::default() },
        levels: levels(&policy)?,
        display: DisplayLayer::typed(&display, cargo.output.quiet.quiet),
        message_format: format.message_format.map(|format| Setting::flag("--message-format", format)),
        reports: files.report.into_iter().map(|file| report(file, invocation)).collect(),
        color: color.map(|color| Setting::flag("--color", color)),
        ..Layer::default()
    };
    sandboxed(sandbox, executed(&execution, said), invocation)
}

fn report(ReportFile { format, path }: ReportFile, invocation: &Invocation) -> Setting<ReportFile> {
    Setting::flag("--report", ReportFile { format, path: invocation.absolute(&path) })
}

fn executed(typed: &ExecutionArgs, said: Layer) -> Layer {
    let ExecutionArgs {
        jobs,
        cut,
        retries,
        capture,
        timeout,
        slow_timeout,
        listing,
        leaks,
        sharing,
        budgets,
    } = typed;
    let CutArgs { no_fail_fast, fail_fast, max_fail, global_timeout } = cut;
    let fail_fast = given("--fail-fast", *fail_fast);
    let no_fail_fast = given("--no-fail-fast", *no_fail_fast).map(negated);
    let fail_fast = fail_fast.or(no_fail_fast).map(|first| first.map(MaxFail::fail_fast));
    Layer {
        jobs: jobs.jobs.map(|jobs| Ok(Setting::flag("--jobs", jobs))),
        max_fail: max_fail.map(|most| Setting::flag("--max-fail", most)).or(fail_fast),
        global_timeout: global_timeout.map(|time| Setting::flag("--global-timeout", Duration::from(time))),
        capture: given("--no-capture", capture.no_capture).map(negated),
        budgets: budgets.map(|mode| Setting::flag("--budgets", mode)),
        list_timeout: listing.list_timeout.map(|time| Setting::flag("--list-timeout", Duration::from(time))),
        test: TestLayer {
            timeout: timeout.timeout.map(|time| Setting::flag("--timeout", Duration::from(time))),
            slow_timeout: slow_timeout.map(|time| Setting::flag("--slow-timeout", time)),
            fail_on_leak: given("--fail-on-leak", leaks.fail_on_leak),
            per_binary: given("--per-binary", sharing.per_binary),
            retries: retries.retries.map(|retries| Setting::flag("--retries", retries)),
            flaky_result: retries.flaky_result.map(|result| Setting::flag("--flaky-result", result)),
            ..said.test
        },
        ..said
    }
}

fn sandboxed(typed: SandboxArgs, said: Layer, invocation: &Invocation) -> Result<Layer, SettingsError> {
    let SandboxArgs { root, views } = typed;
    let here = &invocation.directory;
    let chosen = root.root.map(|root| paths::root(Setting::flag("--root", root), here));
    let binds = views.bind.iter().map(|text| paths::bind(Origin::Flag("--bind"), text, here));
    let keeps = views.keep.iter().map(|path| paths::kept(Origin::Flag("--keep"), path, here));
    Ok(Layer {
        hide_package: given("--hide-package", root.hide_package),
        trace_missing: given("--trace-missing", views.trace_missing),
        test: TestLayer {
            binds: binds.collect::<Result<_, _>>()?,
            keeps: keeps.collect::<Result<_, _>>()?,
            root: chosen.transpose()?,
            network: views.network.map(|network| Setting::flag("--network", network)),
            ..said.test
        },
        ..said
    })
}

fn levels(policy: &PolicyArgs) -> Result<Vec<Setting<(Capability, Level)>>, SettingsError> {
    let typed = [
        (&policy.require, Level::Require, "--require"),
        (&policy.prefer, Level::Prefer, "--prefer"),
        (&policy.off, Level::Off, "--off"),
    ];
    let typed = typed.into_iter().flat_map(|(names, level, flag)| {
        names.iter().map(move |name| Ok(Setting::flag(flag, (capability(name, Origin::Flag(flag))?, level))))
    });
    typed.collect()
}

pub(super) fn capability(name: &str, origin: Origin) -> Result<Capability, SettingsError> {
    let found = Capability::ALL.into_iter().find(|capability| capability.as_str() == name);
    found.ok_or_else(|| SettingsError::NoSuchCapability {
        origin,
        name: name.to_owned(),
        known: Capability::ALL.map(Capability::as_str).to_vec(),
    })
}

/// Returns the profile that is chosen by a flag.
pub(super) fn profile(typed: &ConfigArgs) -> Option<Setting<String>> {
    typed.profile.clone().map(|name| Setting::flag("--profile", name))
}

/// Returns the configuration file that is named by a flag.
pub(super) fn config_file(typed: &ConfigArgs, invocation: &Invocation) -> Option<Setting<PathBuf>> {
    typed.config_file.as_ref().map(|path| Setting::flag("--config-file", invocation.absolute(path)))
}

/// Returns the configuration of cargo-nextest that is taken over: the file that was named, or `None` for the file of
/// the workspace.
pub(super) fn nextest_config(
    typed: &ConfigArgs,
    invocation: &Invocation,
) -> Option<Setting<Option<PathBuf>>> {
    let named = typed.nextest().map(|path| invocation.absolute(path));
    typed.takes_over().then_some(Setting::flag("--nextest-config", named))
}

/// Returns the layer of the arguments for the test harness.
pub(super) fn harness(words: LibtestWords) -> Result<Layer, SettingsError> {
    let said = |name, value| Setting { value, origin: Origin::HarnessArgument(name) };
    let only = words.ignored.ignored.then(|| said("--ignored", ()).map(|()| RunIgnored::Only));
    let all = words.ignored.include_ignored.then(|| said("--include-ignored", ()).map(|()| RunIgnored::All));
    let only_layer = Layer { ignored: only, ..Layer::default() };
    without_contradiction(&only_layer, &Layer { ignored: all, ..Layer::default() })?;
    Ok(Layer {
        filters: words.filters,
        skips: words.skip,
        exact: words.exact.then(|| said("--exact", ()).map(|()| true)),
        ignored: only.or(all),
        jobs: words.test_threads.map(|jobs| Ok(said("--test-threads", ()).map(|()| Jobs::Number(jobs)))),
        display: DisplayLayer::of_harness(words.show_output),
        capture: words.no_capture.then(|| said("--no-capture", ()).map(|()| false)),
        ..Layer::default()
    })
}

/// Checks that two layers do not contradict each other in the treatment of ignored tests.
pub(super) fn without_contradiction(first: &Layer, second: &Layer) -> Result<(), SettingsError> {
    match (first.ignored, second.ignored) {
        (Some(first), Some(second)) if first.value != second.value => {
            Err(SettingsError::Contradiction { first: ignoring(first), second: ignoring(second) })
        }
        _ => Ok(()),
    }
}

fn ignoring(said: Setting<RunIgnored>) -> &'static str {
    match (said.origin, said.value) {
        (Origin::HarnessArgument(_), RunIgnored::Only) => "-- --ignored",
        (Origin::HarnessArgument(_), _) => "-- --include-ignored",
        (_, RunIgnored::Default) => "--run-ignored default",
        (_, RunIgnored::Only) => "--run-ignored only",
        (_, RunIgnored::All) => "--run-ignored all",
    }
}

/// Returns the setting of a flag without a value, if it was given.
fn given(name: &'static str, is_given: bool) -> Option<Setting<bool>> {
    is_given.then_some(Setting::flag(name, true))
}

fn negated(setting: Setting<bool>) -> Setting<bool> {
    setting.map(|value| !value)
}
