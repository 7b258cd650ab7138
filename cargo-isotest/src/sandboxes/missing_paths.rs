//! What a test looked for and did not find, although the host has it.

use isotest_core::enumerate;
use isotest_core::record::Record;

/// So many paths are named in the text; all are in the JSON.
const NAMED_MOST: usize = 20;

/// Leaves out what the host does not have either, and names the rest. What is noted in a record was asked for.
pub(crate) fn remark(record: &mut Record) {
    let Some(ending) = &mut record.ending else { return };
    ending.missing_paths.retain(|path| path.symlink_metadata().is_ok());
    let paths = &ending.missing_paths;
    if paths.is_empty() {
        return;
    }
    let names = enumerate::paths(paths, NAMED_MOST);
    record.remarks.push(format!("looked for, and only the host has: {names}; `--bind PATH` shows it"));
}
