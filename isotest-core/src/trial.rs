//! Tries the whole of a sandbox by executing something in one, and if that is refused, each part of it alone. Nothing
//! is concluded from versions or settings: what the kernel answers here it answers in a run.

use crate::cgroup::Cgroups;
use crate::host::Refusal;
use crate::namespace::NAMESPACES;
use crate::outcome::Outcome;
use crate::plan::{Network, SandboxPlan, Template};
use crate::policy::Capability;
use crate::record::Record;
use crate::sandbox::protocol::channel::Order;
use crate::sandbox::protocol::part::Part;
use crate::sandbox::{Cancel, Slot, Zygote};
use crate::step::StepError;
use std::io;
use std::sync::Arc;

/// Lists what can be tried alone once there is a user namespace, and the capability it is needed for.
fn parts() -> impl Iterator<Item = (Capability, Part)> {
    let others =
        NAMESPACES.iter().map(|namespace| namespace.capability).filter(|one| *one != Capability::User);
    let namespaces = others.map(|capability| (capability, Part::Namespace(capability)));
    namespaces.chain([
        (Capability::Rootfs, Part::Proc),
        (Capability::Rootfs, Part::Tree),
        (Capability::CopyOnWrite, Part::Overlay),
    ])
}

/// Executes a plan as a run would.
///
/// # Errors
/// Step that failed, outside of the sandbox or inside.
pub fn attempt(
    template: &Template,
    cgroups: &Cgroups,
    plan: &SandboxPlan,
) -> io::Result<Result<Record, StepError>> {
    let cancel = Cancel::new()?;
    let mut slot = match Slot::start(&Arc::new(template.clone()), cgroups) {
        Ok(slot) => slot,
        Err(error) => return Ok(Err(error)),
    };
    let record = slot.execute(plan, &cancel).ok_or_else(|| io::Error::other("nobody has cancelled it"))?;
    Ok(match record.outcome {
        Outcome::NotIsolated(error) => Err(error),
        _ => Ok(record),
    })
}

/// Finds everything that is refused, after a sandbox has failed with `first`. Without a user namespace where one is
/// needed, and without what a part stands on, there is no more to learn. Empty if the failure is not about what the
/// host allows.
pub fn refusals(template: &Template, first: &StepError) -> Vec<Refusal> {
    let Some(capability) = first.step.capability() else { return Vec::new() };
    let mut found = Vec::new();
    let user = try_alone(Part::Namespace(Capability::User), template);
    let alone = user.is_err() && template.outer_user;
    found.extend(user.err().map(|error| Refusal { capability: Capability::User, error }));
    for (capability, part) in parts().filter(|(capability, _)| !alone && wants(template, *capability)) {
        let lacks = |needed| found.iter().any(|refusal: &Refusal| refusal.capability == needed);
        if part.stands_on().iter().any(|needed| lacks(*needed)) {
            continue;
        }
        let error = try_alone(part, template).err();
        let error = error.filter(|error| found.iter().all(|refusal| refusal.error != *error));
        found.extend(error.map(|error| Refusal { capability, error }));
    }
    if found.iter().all(|refusal| refusal.capability != capability)
        && !found.iter().any(Refusal::is_namespace)
    {
        found.push(Refusal { capability, error: first.clone() });
    }
    found
}

/// Finds those of the namespaces asked for that are refused. What the rest of the sandbox is built on is not among
/// those that can be asked for.
pub fn refused_namespaces(template: &Template, asked: &[Capability]) -> Vec<Refusal> {
    let optional = NAMESPACES.iter().filter(|namespace| namespace.is_optional());
    let asked = optional.map(|namespace| namespace.capability).filter(|one| asked.contains(one));
    let refusal = |capability| {
        let error = try_alone(Part::Namespace(capability), template).err()?;
        Some(Refusal { capability, error })
    };
    asked.filter_map(refusal).collect()
}

fn wants(template: &Template, capability: Capability) -> bool {
    match capability {
        Capability::Net => template.network != Network::Host,
        other => !template.shared.contains(&other),
    }
}

/// Tries a part by a process of its own.
///
/// # Errors
/// Step that failed.
fn try_alone(part: Part, template: &Template) -> Result<(), StepError> {
    Zygote::start(&Order::Try(part, Box::new(template.clone())), &[]).map(drop)
}
