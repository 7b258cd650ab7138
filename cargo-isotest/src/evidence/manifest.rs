//! Manifest of the evidence of a test, in a file beside the evidence.

use super::beneath::Beneath;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;

/// Version of the file's format.
const SCHEMA: u32 = 1;
/// Maximum size of a file of the workspace that is compared, in bytes.
const LARGEST_COMPARED: u64 = 64 << 20;
/// Maximum length of a manifest that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// Evidence of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    schema: u32,
    /// Binary of the test.
    pub(crate) binary_id: String,
    /// Name of the test.
    pub(crate) name: String,
    /// Files of the evidence without duplicates, in the order of their paths.
    pub(crate) files: Vec<Kept>,
}

/// File of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Path relative to the workspace.
    pub(crate) path: String,
    /// Size in bytes.
    pub(crate) bytes: u64,
    /// Content of the workspace at the path when the test ended.
    pub(super) before: Before,
}

/// Content of a workspace at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Before {
    /// No file.
    Nothing,
    /// File with contents of this SHA-256.
    File(String),
    /// Other file type, or file that was changed while the test ran or is too large to be compared.
    Unknown,
}

impl Before {
    /// Reads the present content of the workspace at a path.
    pub(super) fn look(workspace: &Beneath, path: &Path) -> Self {
        match workspace.file(path) {
            Ok(None) => Self::Nothing,
            Ok(Some(file)) => digest(file).map_or(Self::Unknown, Self::File),
            Err(_) => Self::Unknown,
        }
    }
}

/// Returns the SHA-256 of a file's contents; `None` if the file is too large or cannot be read.
pub(super) fn digest(file: std::fs::File) -> Option<String> {
    if file.metadata().ok()?.len() > LARGEST_COMPARED {
        return None;
    }
    let mut hasher = Sha256::new();
    let mut reader = file.take(LARGEST_COMPARED + 1);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return (reader.limit() > 0).then(|| hex(&hasher.finalize())),
            Ok(length) => hasher.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the name of the directory of a test: the readable part of its name, and a hash that is unique to the test.
pub(super) fn directory_name(binary_id: &str, name: &str) -> String {
    const READABLE: usize = 100;
    let mut readable = String::new();
    for letter in format!("{binary_id}.{name}").chars().take(READABLE) {
        let is_plain = letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        match letter {
            letter if is_plain => readable.push(letter),
            _ if readable.ends_with('.') || readable.is_empty() => {}
            _ => readable.push('.'),
        }
    }
    let mut hasher = Sha256::new();
    for part in [binary_id, "\0", name] {
        hasher.update(part);
    }
    let hash = hex(&hasher.finalize());
    format!("{}-{}", readable.trim_end_matches('.'), &hash[..12])
}

impl Evidence {
    /// Creates the evidence of a test without files.
    pub(super) fn new(binary_id: &str, name: &str) -> Self {
        Self { schema: SCHEMA, binary_id: binary_id.to_owned(), name: name.to_owned(), files: Vec::new() }
    }

    /// Returns the name of the directory with the files.
    pub(super) fn directory(&self) -> String {
        directory_name(&self.binary_id, &self.name)
    }

    /// Reads the manifest of a directory; `None` if there is no valid one.
    pub(super) fn read(all: &Beneath, directory: &str) -> Option<Self> {
        let file = all.file(Path::new(&format!("{directory}.json"))).ok()??;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).ok()?;
        let evidence: Self = serde_json::from_str(&text).ok()?;
        (evidence.schema == SCHEMA && evidence.directory() == directory).then_some(evidence)
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// When the manifest cannot be written, or would be too long to be read.
    pub(super) fn write(&self, all: &Beneath) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        if u64::try_from(text.len()).is_ok_and(|length| length > LARGEST) {
            return Err(io::Error::other("the list of what the test left is longer than 4 MiB"));
        }
        all.put(Path::new(&format!("{}.json", self.directory())), &*text)
    }

    /// Adds a file, and replaces one of the same path.
    pub(super) fn add(&mut self, kept: Kept) {
        self.files.retain(|other| other.path != kept.path);
        self.files.push(kept);
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
    }

    /// Removes the evidence of a test.
    pub(super) fn remove(all: &Beneath, directory: &str) -> io::Result<()> {
        all.remove(OsStr::new(&format!("{directory}.json")))?;
        all.remove(OsStr::new(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_has_a_directory_of_a_name_that_any_file_system_takes() {
        for (binary, name, readable) in [
            ("tour::it", "a::b", "tour.it.a.b-"),
            ("tour", "../../x y", "tour.x.y-"),
            ("..", "/", "-"),
            ("tour::bin/a", "é", "tour.bin.a-"),
        ] {
            let directory = directory_name(binary, name);
            assert_eq!(
                directory.rsplit_once('-').map(|(text, _)| format!("{text}-")).as_deref(),
                Some(readable)
            );
            assert!(directory.len() < 120);
        }
        assert_ne!(directory_name("a", "b::c"), directory_name("a::b", "c"));
        assert!(directory_name("a", &"x".repeat(4000)).len() < 120);
    }
}
