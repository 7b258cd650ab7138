//! Builder of tar archives for tests, with arbitrary names and sizes.

use tar::{EntryType, Header};

/// Builder of a tar archive that writes names unchecked.
#[derive(Default)]
pub(crate) struct Written(Vec<u8>);

impl Written {
    pub(crate) fn entry(self, kind: EntryType, name: &str, link: &str, content: &[u8]) -> Self {
        self.sized(kind, (name, link), content, content.len())
    }

    /// Appends a file whose header claims `size`, whatever the size of its content.
    pub(crate) fn sized(
        mut self,
        kind: EntryType,
        (name, link): (&str, &str),
        content: &[u8],
        size: usize,
    ) -> Self {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
        header.set_mtime(1000);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(size.try_into().unwrap());
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.entry(EntryType::Regular, name, "", content.as_bytes())
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.entry(EntryType::Directory, name, "", b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, name, target, b"")
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Link, name, target, b"")
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}
