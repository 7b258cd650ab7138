//! One command in one sandbox: the library in a few lines.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use isotest_core::cgroup::Cgroups;
use isotest_core::limits::Limits;
use isotest_core::plan::{self, Network, Request, Root, SandboxPlan, Views, Workload};
use isotest_core::policy::{Capability, Policy};
use isotest_core::sandbox::{Cancel, Slot};
use isotest_core::{host, stage};
use std::error::Error;
use std::sync::Arc;
use std::{env, io};

fn main() -> Result<(), Box<dyn Error>> {
    stage::enter();
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().ok_or("usage: parts PROGRAM [ARGUMENT...]")?;
    let host = host::probe::host()?;
    let metrics = Capability::ALL.into_iter().filter(|capability| capability.is_metric());
    let established = Cgroups::establish(&host, &metrics.collect::<Vec<_>>());
    let directory = env::current_dir()?;
    let views = Views { copy_on_write: vec![directory.clone()], ..Views::default() };
    let cgroups = established.cgroups.views();
    let request = Request {
        policy: &Policy::default(),
        root: &Root::Host,
        views: &views,
        network: Network::Loopback,
        trace_missing: false,
        jobs: 1,
        cgroups: established.cgroups.figures(&cgroups, &established.missing),
    };
    let resolved = plan::resolve(&request, &host);
    let plan = SandboxPlan {
        workload: Workload {
            program: program.into(),
            arguments: arguments.collect(),
            environment: env::vars_os().collect(),
            directory,
        },
        timeout: None,
        limits: Limits::default(),
        measured: true,
        inherit_stdio: true,
        interactive: None,
        leak_grace: SandboxPlan::LEAK_GRACE,
        output_bytes: 1 << 20,
    };
    let cancel = Cancel::new()?;
    let mut slot = Slot::start(&Arc::new(resolved.template), &established.cgroups)?;
    let record = slot.execute(&plan, &cancel).ok_or_else(|| io::Error::other("cancelled"))?;
    println!("{:?}\n{:#?}\n{:#?}", record.outcome, record.ending, record.usage);
    println!("{:#?}", resolved.isolation);
    drop(slot);
    established.cgroups.close()?;
    Ok(())
}
