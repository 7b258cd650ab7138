//! Slots whose attempts have namespaces and files in common: one for each template of that kind, kept from one of its
//! attempts to the next.

use isotest_core::plan::Template;
use isotest_core::sandbox::Slot;
use isotest_core::step::StepError;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Receiver of the news that no attempt of a template follows.
pub(super) trait Ending: fmt::Debug {
    /// Throws away what the attempts of a template had in common.
    fn end(&self, template: &Arc<Template>);
}

/// Account of the templates that ordered units have in common with others.
#[derive(Debug)]
pub(super) struct InCommon<'workers> {
    slots: &'workers dyn Ending,
    /// Common templates of the units that were ordered and have not ended, by the index of the unit.
    templates: HashMap<usize, Arc<Template>>,
}

impl<'workers> InCommon<'workers> {
    /// Creates an account in which no unit is ordered yet.
    pub(super) fn in_slots(slots: &'workers dyn Ending) -> Self {
        Self { slots, templates: HashMap::new() }
    }

    /// Takes note of an attempt at a unit that is ordered.
    pub(super) fn start(&mut self, unit: usize, template: &Arc<Template>) {
        if template.common {
            self.templates.insert(unit, Arc::clone(template));
        }
    }

    /// Takes note of an attempt at a unit that has ended; `is_last` if none follows that has anything in common with
    /// it.
    pub(super) fn end(&mut self, unit: usize, is_last: bool) {
        if let Some(template) = self.templates.remove(&unit).filter(|_| is_last) {
            self.slots.end(&template);
        }
    }
}

/// Slots of common templates in which no attempt is running.
#[derive(Debug, Default)]
pub(super) struct CommonSlots<'run>(Mutex<Vec<(Arc<Template>, Slot<'run>)>>);

impl<'run> CommonSlots<'run> {
    /// Takes the slot of a template, if it was used before.
    pub(super) fn take(&self, template: &Arc<Template>) -> Option<Slot<'run>> {
        let mut slots = self.slots();
        let place = slots.iter().position(|(of, _)| Arc::ptr_eq(of, template))?;
        Some(slots.swap_remove(place).1)
    }

    /// Keeps the slot of a template, if there is one, for its next attempt.
    pub(super) fn keep(&self, template: &Arc<Template>, slot: Result<Slot<'run>, StepError>) {
        self.slots().extend(slot.ok().map(|slot| (Arc::clone(template), slot)));
    }

    fn slots(&self) -> MutexGuard<'_, Vec<(Arc<Template>, Slot<'run>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ending for CommonSlots<'_> {
    fn end(&self, template: &Arc<Template>) {
        drop(self.take(template));
    }
}
