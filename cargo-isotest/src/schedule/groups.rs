//! Places in test groups: the threads of each group that its running tests take, and their slots in it; pure.

use super::needs::Group;

/// Places in test groups.
#[derive(Debug, Default)]
pub(super) struct Places {
    groups: Vec<PlacesOfGroup>,
}

#[derive(Debug)]
struct PlacesOfGroup {
    max_threads: usize,
    threads: usize,
    /// Flags of the slots: whether each is taken.
    slots: Vec<bool>,
}

/// Place in a test group that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    group: usize,
    threads: usize,
    /// Slot in the group, from 0, which no other test of the group has meanwhile.
    pub(crate) slot: usize,
}

impl Places {
    /// Creates the places of these groups, all of them free.
    pub(super) fn new(groups: &[Group]) -> Self {
        let groups = groups.iter();
        let groups = groups
            .map(|group| PlacesOfGroup { max_threads: group.max_threads, threads: 0, slots: Vec::new() })
            .collect();
        Self { groups }
    }

    /// Returns whether there is room in a group for so many threads, or for all of its threads.
    pub(super) fn have_room(&self, group: usize, threads: usize) -> bool {
        let group = &self.groups[group];
        group.threads + threads.min(group.max_threads) <= group.max_threads
    }

    /// Takes threads of a group, and its lowest free slot.
    pub(super) fn take(&mut self, group: usize, threads: usize) -> Place {
        let of_group = &mut self.groups[group];
        let threads = threads.min(of_group.max_threads);
        of_group.threads += threads;
        let slot = of_group.slots.iter().position(|is_taken| !is_taken).unwrap_or(of_group.slots.len());
        of_group.slots.resize(of_group.slots.len().max(slot + 1), false);
        of_group.slots[slot] = true;
        Place { group, threads, slot }
    }

    /// Gives a place back.
    pub(super) fn give_back(&mut self, place: Place) {
        let group = &mut self.groups[place.group];
        group.threads -= place.threads;
        group.slots[place.slot] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(max_threads: &[usize]) -> Places {
        let groups =
            max_threads.iter().map(|max_threads| Group { name: "g".into(), max_threads: *max_threads });
        Places::new(&groups.collect::<Vec<_>>())
    }

    #[test]
    fn a_group_has_room_for_its_threads() {
        let mut places = places(&[3, 1]);
        let two = places.take(0, 2);
        assert!(places.have_room(0, 1) && !places.have_room(0, 2) && places.have_room(1, 1));
        let one = places.take(0, 1);
        assert!(!places.have_room(0, 1) && places.have_room(1, 9), "what needs more takes all");
        let all = places.take(1, 9);
        assert!(!places.have_room(1, 1));
        for place in [two, one, all] {
            places.give_back(place);
        }
        assert!(places.have_room(0, 9) && places.have_room(1, 1));
    }

    #[test]
    fn a_slot_is_the_lowest_that_no_other_has() {
        let mut places = places(&[9]);
        let [first, second, third] = [1, 5, 1].map(|threads| places.take(0, threads));
        assert_eq!([first, second, third].map(|place| place.slot), [0, 1, 2]);
        places.give_back(second);
        assert_eq!(places.take(0, 1).slot, 1);
        assert_eq!(places.take(0, 1).slot, 3);
    }
}
