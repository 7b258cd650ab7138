//! Platforms that a setting holds for, each written as a target triple or as `cfg(...)`.

use cargo_platform::{Cfg, Platform};

/// Platforms that a setting holds for; any without them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Platforms {
    /// Platform that builds.
    pub(crate) host: Option<Platform>,
    /// Platform that tests are built for.
    pub(crate) target: Option<Platform>,
}

/// Platforms of a build.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Features of the platform that builds.
    pub(crate) host: Features,
    /// Features of the platform that tests are built for.
    pub(crate) target: Features,
}

/// Features by which rustc knows a platform.
#[derive(Debug, Clone, Default)]
pub(crate) struct Features {
    /// Target triple.
    pub(crate) triple: String,
    /// Options that `cfg(...)` can ask for.
    pub(crate) cfg: Vec<Cfg>,
}

impl Features {
    /// Creates the features of a triple from what `rustc --print cfg` says. What nobody can ask for is left out.
    pub(crate) fn new(triple: &str, said: &str) -> Self {
        Self { triple: triple.to_owned(), cfg: said.lines().filter_map(|line| line.parse().ok()).collect() }
    }

    fn have(&self, platform: Option<&Platform>) -> bool {
        platform.is_none_or(|platform| platform.matches(&self.triple, &self.cfg))
    }
}

impl Platforms {
    /// Returns whether they are any platforms: neither of the two is written.
    pub(crate) const fn are_any(&self) -> bool {
        self.host.is_none() && self.target.is_none()
    }

    /// Returns whether these are the platforms of a build.
    pub(crate) fn are_of(&self, machine: &Machine) -> bool {
        machine.host.have(self.host.as_ref()) && machine.target.have(self.target.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_triples_or_what_rustc_says_of_them() {
        let linux = "debug_assertions\ntarget_arch=\"x86_64\"\ntarget_os=\"linux\"\nunix\n(odd";
        let machine = Machine {
            host: Features::new("x86_64-unknown-linux-gnu", linux),
            target: Features::new("aarch64-unknown-linux-musl", "target_arch=\"aarch64\"\nunix\n"),
        };
        let of = |host: &str, target: &str| {
            let read = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
            Platforms { host: read(host), target: read(target) }
        };
        for (host, target, expected) in [
            ("", "", true),
            ("x86_64-unknown-linux-gnu", "", true),
            ("", "x86_64-unknown-linux-gnu", false),
            ("", "cfg(unix)", true),
            ("cfg(windows)", "cfg(unix)", false),
            ("cfg(all(unix, target_os = \"linux\"))", "cfg(not(target_arch = \"x86_64\"))", true),
        ] {
            assert_eq!(of(host, target).are_of(&machine), expected, "{host} {target}");
        }
        assert!(of("", "").are_any() && !of("", "cfg(unix)").are_any());
    }
}
