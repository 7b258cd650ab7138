//! Remarks on what copy-on-write views cannot do although the host could, made before a test meets it. Pure.

use super::Views;
use crate::host::{CowSources, Foreign};
use crate::join_list::and_more;
use std::path::PathBuf;

/// Makes one remark for each thing that cannot be done; writes to kept directories reach the host and can.
pub(super) fn remarks(cow_sources: &CowSources, views: &Views) -> Vec<String> {
    let is_within =
        |paths: &[PathBuf], foreign: &Foreign| paths.iter().any(|path| foreign.path.starts_with(path));
    let is_kept =
        |foreign: &&Foreign| is_within(&views.kept, foreign) && !is_within(&views.copied_within, foreign);
    let foreign = cow_sources.foreign.iter().filter(|foreign| !is_kept(foreign)).map(|foreign| {
        let path = foreign.path.display();
        let belong = if foreign.more == 0 { "belongs" } else { "belong" };
        let more = and_more(foreign.more);
        format!(
            "`{path}`{more} {belong} to another user or group: in a copy-on-write directory, changes of it and in it fail \
             with EOVERFLOW (os error 75); `--keep PATH` lets tests change it itself"
        )
    });
    let directories = cow_sources.keeps_directories.then(|| {
        "this kernel lets only root remove directories that are not new from a copy-on-write directory; others get EIO \
         (os error 5); `--keep PATH` lets tests remove them themselves"
            .to_owned()
    });
    foreign.chain(directories).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_changed() {
        let foreign = |path: &str, more| Foreign { path: path.into(), more };
        let found = vec![foreign("/w/a", 0), foreign("/w/b", 2)];
        let cow_sources = CowSources { foreign: found, ..CowSources::default() };
        let said = remarks(&cow_sources, &Views::default());
        assert!(said[0].starts_with("`/w/a` belongs to another"), "{said:?}");
        assert!(said[1].starts_with("`/w/b` and 2 more belong to another"), "{said:?}");
        let kept = Views { kept: vec!["/w/a".into()], ..Views::default() };
        assert_eq!(remarks(&cow_sources, &kept), said[1..]);
        let copied_again = Views { copied_within: vec!["/w/a".into()], ..kept };
        assert_eq!(remarks(&cow_sources, &copied_again), said);
        assert_eq!(remarks(&CowSources::default(), &Views::default()), [""; 0]);
        let old = CowSources { keeps_directories: true, ..CowSources::default() };
        assert!(remarks(&old, &Views::default())[0].contains("os error 5"));
    }
}
