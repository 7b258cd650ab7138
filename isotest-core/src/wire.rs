//! Paths on the wire between the supervisor and its zygotes: bytes, since a path need not be UTF-8.

/// Form of one path on the wire, for `#[serde(with = "crate::wire::path")]`.
pub mod path {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_bytes::ByteBuf;
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    /// Writes the path's bytes.
    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(path.as_os_str().as_bytes())
    }

    /// Reads the path's bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        ByteBuf::deserialize(deserializer).map(|bytes| OsString::from_vec(bytes.into_vec()).into())
    }
}

/// Form of several paths on the wire, for `#[serde(with = "crate::wire::paths")]`.
pub mod paths {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_bytes::{ByteBuf, Bytes};
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::PathBuf;

    /// Writes each path's bytes.
    pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| Bytes::new(path.as_os_str().as_bytes())))
    }

    /// Reads each path's bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        let paths = Vec::<ByteBuf>::deserialize(deserializer)?;
        Ok(paths.into_iter().map(|bytes| OsString::from_vec(bytes.into_vec()).into()).collect())
    }
}
