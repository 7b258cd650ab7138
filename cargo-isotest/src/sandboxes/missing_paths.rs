//! Remark on host paths that a test looked for but the sandbox hides.

use isotest_core::join_list;
use isotest_core::record::Record;

/// Maximum number of paths named in a remark; the JSON has all.
const MAX_NAMED: usize = 20;

/// Removes paths from the record that the host does not have either, and adds a remark on the rest.
pub(crate) fn remark(record: &mut Record) {
    let Some(ending) = &mut record.ending else { return };
    ending.missing_paths.retain(|path| path.symlink_metadata().is_ok());
    let paths = &ending.missing_paths;
    if paths.is_empty() {
        return;
    }
    let names = join_list::paths(paths, MAX_NAMED);
    record.remarks.push(format!(
        "not found in the sandbox, but present on the host: {names}; `--bind PATH` makes a path visible"
    ));
}
