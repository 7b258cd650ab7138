//! Reads the `harness` settings of targets from a manifest, as `cargo metadata` does not tell them.

use crate::cargo::error::CargoError;
use cargo_metadata::{Target, TargetKind};
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// Harnesses of the targets of one manifest.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Harnesses {
    lib: Option<WrittenTarget>,
    #[serde(default)]
    bin: Vec<WrittenTarget>,
    #[serde(default)]
    test: Vec<WrittenTarget>,
    #[serde(default)]
    bench: Vec<WrittenTarget>,
    #[serde(default)]
    example: Vec<WrittenTarget>,
}

#[derive(Debug, Deserialize)]
struct WrittenTarget {
    name: Option<String>,
    harness: Option<bool>,
}

impl Harnesses {
    /// Reads a manifest.
    pub(crate) fn read(manifest: &Path) -> Result<Self, CargoError> {
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| CargoError::File {
            what: format!("the manifest `{}`", manifest.display()),
            source,
        };
        let text = fs::read_to_string(manifest).map_err(|error| unreadable(error.into()))?;
        toml::from_str(&text).map_err(|error| unreadable(error.into()))
    }

    /// Returns whether a target has the standard harness.
    pub(crate) fn is_standard(&self, target: &Target) -> bool {
        let list = match target.kind.first() {
            Some(TargetKind::Bin) => &self.bin,
            Some(TargetKind::Test) => &self.test,
            Some(TargetKind::Bench) => &self.bench,
            Some(TargetKind::Example) => &self.example,
            _ => return self.lib.as_ref().and_then(|lib| lib.harness).unwrap_or(true),
        };
        let written = list.iter().find(|written| written.name.as_deref() == Some(&target.name));
        written.and_then(|written| written.harness).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_the_standard_harness_unless_its_own_table_says_otherwise() {
        let manifest: Harnesses = toml::from_str(
            "[lib]\nharness = false\n[[test]]\nname = 'a'\nharness = false\n[[test]]\nname = 'b'\n[[bench]]\nname = 'c'",
        )
        .unwrap();
        for (kind, name, expected) in [
            ("lib", "a", false),
            ("test", "a", false),
            ("test", "b", true),
            ("test", "c", true),
            ("bench", "a", true),
            ("bin", "a", true),
        ] {
            let target =
                serde_json::json!({ "name": name, "kind": [kind], "src_path": "/a.rs", "crate_types": [] });
            let target = serde_json::from_value(target).unwrap();
            assert_eq!(manifest.is_standard(&target), expected, "{kind} {name}");
        }
    }
}
