//! Copies evidence into the workspace.

use super::manifest::{Before, Evidence, Kept, digest};
use super::store::Store;
use super::tools::{Joining, tool_of};
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Maximum number of names tried for a file whose own name is taken.
const MOST_NAMES: usize = 1000;
/// Maximum size of a file to which lines are added, in bytes.
const LARGEST_JOINED: u64 = 64 << 20;

/// Fate of a file that is copied into the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// File that is new in the workspace.
    New,
    /// File that replaces the one that the test found.
    Replaces,
    /// Lines that are added to the file of the workspace.
    Adds,
    /// Content that the workspace has already.
    Same,
    /// File that is not copied, for this reason.
    Refused(String),
}

/// Workspace into which evidence can be copied.
#[derive(Debug)]
pub(crate) struct Tree<'a>(pub(crate) &'a Store);

impl Tree<'_> {
    /// Returns the name of the tool that wrote a file; `None` if the file is no evidence.
    pub(crate) fn tool(kept: &Kept) -> Option<&'static str> {
        tool_of(Path::new(&kept.path)).map(|(name, _)| name)
    }

    /// Returns the fate that a file would have, and its path in the workspace.
    pub(crate) fn fate(&self, evidence: &Evidence, kept: &Kept) -> (Fate, PathBuf) {
        let path = PathBuf::from(&kept.path);
        let Some((_, joining)) = tool_of(&path) else {
            // No such tool exists in this version: the manifest was edited, or written by another version.
            return (Fate::Refused("no tool is known that leaves such a file".to_owned()), path);
        };
        let fate = match joining {
            Joining::Whole => self.whole(evidence, kept),
            Joining::Lines => self.lines(evidence, kept).map(|(fate, _)| fate),
            Joining::Apart => {
                return self
                    .apart(evidence, kept)
                    .unwrap_or_else(|error| (Fate::Refused(error.to_string()), path));
            }
        };
        (fate.unwrap_or_else(|error| Fate::Refused(error.to_string())), path)
    }

    /// Copies a file into the workspace, unless it exists there or is refused. Returns its fate, and its path.
    pub(crate) fn apply(&self, evidence: &Evidence, kept: &Kept) -> (Fate, PathBuf) {
        let (fate, path) = self.fate(evidence, kept);
        let done = match fate {
            Fate::New | Fate::Replaces => {
                self.0.file(evidence, kept).and_then(|file| self.0.tree().put(&path, file.take(kept.bytes)))
            }
            Fate::Adds => self.lines(evidence, kept).and_then(|(_, text)| self.0.tree().put(&path, &*text)),
            Fate::Same | Fate::Refused(_) => Ok(()),
        };
        (done.map_or_else(|error| Fate::Refused(error.to_string()), |()| fate), path)
    }

    fn whole(&self, evidence: &Evidence, kept: &Kept) -> io::Result<Fate> {
        let now = Before::look(self.0.tree(), Path::new(&kept.path));
        let own = digest(self.0.file(evidence, kept)?);
        Ok(match &now {
            Before::File(there) if own.as_ref() == Some(there) => Fate::Same,
            Before::Nothing if kept.before == now => Fate::New,
            Before::File(_) if kept.before == now => Fate::Replaces,
            _ => {
                self.0.tree().file(Path::new(&kept.path))?;
                Fate::Refused("the file in the workspace has changed since".to_owned())
            }
        })
    }

    /// Returns the fate of a file whose lines are added, and the whole text with them.
    fn lines(&self, evidence: &Evidence, kept: &Kept) -> io::Result<(Fate, Vec<u8>)> {
        let own = self.0.file(evidence, kept)?;
        let Some(there) = self.0.tree().file(Path::new(&kept.path))? else {
            return Ok((Fate::New, Vec::new()));
        };
        if there.metadata()?.len() > LARGEST_JOINED {
            return Err(io::Error::other("the file in the workspace is larger than 64 MiB"));
        }
        let mut text = Vec::new();
        there.take(LARGEST_JOINED).read_to_end(&mut text)?;
        let known: HashSet<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let mut new = Vec::new();
        for line in BufReader::new(own.take(kept.bytes)).split(b'\n') {
            let line = line?;
            if !known.contains(&line) {
                new.extend(line);
                new.push(b'\n');
            }
        }
        if new.is_empty() {
            return Ok((Fate::Same, text));
        }
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend(new);
        Ok((Fate::Adds, text))
    }

    /// Returns the fate of a file whose name may be taken, and its path.
    fn apart(&self, evidence: &Evidence, kept: &Kept) -> io::Result<(Fate, PathBuf)> {
        let own = digest(self.0.file(evidence, kept)?);
        for path in names(evidence, Path::new(&kept.path)).take(MOST_NAMES) {
            let Some(there) = self.0.tree().file(&path)? else { return Ok((Fate::New, path)) };
            if own.is_some() && digest(there) == own {
                return Ok((Fate::Same, path));
            }
        }
        Err(io::Error::other("all its names are taken"))
    }
}

/// Returns the names to try for a file: its own, and others if that one is taken.
fn names(evidence: &Evidence, path: &Path) -> impl Iterator<Item = PathBuf> {
    let directory = evidence.directory();
    let mark = directory.rsplit('-').next().unwrap_or_default().to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = path.parent().unwrap_or(Path::new("")).to_owned();
    let (stem, end) = match name.rsplit_once('.') {
        Some((stem, end)) => (stem.to_owned(), format!(".{end}")),
        None => (name.clone(), String::new()),
    };
    let others = (0_usize..).map(move |number| {
        let number = if number == 0 { String::new() } else { format!("-{number}") };
        parent.join(format!("{stem}-{mark}{number}{end}"))
    });
    std::iter::once(path.to_owned()).chain(others)
}
