//! Known facts about crates on which tests depend: the behaviour of their tests in a sandbox, and settings that help;
//! pure.

/// Known facts about crates of one kind.
#[derive(Debug)]
pub(crate) struct Known {
    /// Names of the crates.
    pub(crate) names: &'static [&'static str],
    /// Difference from `cargo test`, and advice about it.
    pub(crate) says: &'static str,
    /// Page of the manual with the details.
    pub(crate) page: &'static str,
    /// Settings that help.
    pub(crate) help: Help,
}

/// Settings of the configuration file that help the tests of a crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Help {
    /// No settings.
    None,
    /// Path below the target directory that tests write themselves.
    Keep(&'static str),
    /// Lines of an override below its filter, which only the project can name.
    Override(&'static str),
    /// Lines of which only the project knows whether they are needed.
    Lines(&'static str),
}

/// Known facts about crates, by their kinds.
pub(crate) const ALL: &[Known] = &[
    Known {
        names: &["trybuild", "macrotest"],
        says: "what it builds in `target/tests` would be built anew by each test: let tests write there themselves",
        page: "keeping-writes",
        help: Help::Keep("target/tests"),
    },
    Known {
        names: &["ui_test"],
        says: "what it builds in `target/ui` would be built anew by each test: let tests write there themselves",
        page: "keeping-writes",
        help: Help::Keep("target/ui"),
    },
    Known {
        names: &["insta"],
        says: "new snapshots of failing tests are kept as evidence: `cargo isotest evidence apply` before `cargo insta review`",
        page: "keeping-writes",
        help: Help::None,
    },
    Known {
        names: &["proptest"],
        says: "regressions of failing tests are kept as evidence: `cargo isotest evidence apply` copies them into the workspace",
        page: "keeping-writes",
        help: Help::None,
    },
    Known {
        names: &["expect-test", "snapbox", "trycmd", "goldenfile", "goldie", "k9", "expectorate"],
        says: "its variable updates sources as under `cargo test`: such a run executes each binary in one process",
        page: "keeping-writes",
        help: Help::None,
    },
    Known {
        names: &["serial_test"],
        says: "tests in processes of their own have ports, `/tmp` and environment for themselves and need no `#[serial]`, which \
               does not hold between processes; tests that share something of the host need a group",
        page: "scheduling",
        help: Help::Lines(
            "[test-groups]\nserial = { max-threads = 1 }\n\n[[profile.default.overrides]]\nfilter = 'test(/serial/)'\n\
             test-group = \"serial\"\n",
        ),
    },
    Known {
        names: &["testcontainers", "testcontainers-modules", "bollard", "shiplift", "dockertest"],
        says: "reach Docker by a socket that tests do not see, and containers by ports of the host: give both to these tests",
        page: "isolation",
        help: Help::Override("network = \"host\"\nbind = [\"/run/docker.sock\"]\n"),
    },
    Known {
        names: &[
            "sqlx",
            "sea-orm",
            "diesel",
            "postgres",
            "tokio-postgres",
            "deadpool-postgres",
            "mysql",
            "mysql_async",
            "redis",
            "fred",
            "mongodb",
            "rdkafka",
            "lapin",
            "elasticsearch",
        ],
        says: "a server on the host's `127.0.0.1` is not reached: give these tests the host's network, or let a script start a \
               server for each",
        page: "scripts",
        help: Help::Override("network = \"host\"\n"),
    },
    Known {
        names: &["reqwest", "ureq", "curl", "isahc", "octocrab", "aws-config"],
        says: "requests to other hosts fail, those to servers that a test starts itself do not: give the host's network to tests \
               that need it",
        page: "isolation",
        help: Help::Override("network = \"host\"\n"),
    },
    Known {
        names: &["memmap2", "memmapix"],
        says: "a shared mapping made before the first write to a file that exists outside goes on showing what the file held",
        page: "isolation",
        help: Help::None,
    },
    Known {
        names: &["io-uring", "tokio-uring", "monoio", "glommio", "compio"],
        says: "root registers no more buffers than `ulimit -l` allows, unless it may raise that limit",
        page: "isolation",
        help: Help::None,
    },
    Known {
        names: &["fs-mistrust"],
        says: "to an ordinary user, files of everybody else, root's included, belong to 65534, so that checks of owners refuse them",
        page: "isolation",
        help: Help::None,
    },
];

/// Returns the known facts about these crates, each kind with the names that belong to it.
pub(crate) fn of<'a>(crates: &[&'a str]) -> Vec<(&'static Known, Vec<&'a str>)> {
    let named = |known: &Known| crates.iter().copied().filter(|name| known.names.contains(name)).collect();
    let found = ALL.iter().map(|known| (known, named(known)));
    found.filter(|(_, names): &(_, Vec<_>)| !names.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Page;
    use std::collections::HashSet;

    #[test]
    fn each_crate_is_known_once_and_each_page_is_there() {
        let mut seen = HashSet::new();
        for known in ALL {
            assert!(known.names.iter().all(|name| seen.insert(name)), "{known:?}");
            assert!(Page::about(known.page).is_some(), "{known:?}");
        }
    }

    #[test]
    fn only_what_is_depended_on_is_told() {
        let found = of(&["serde", "redis", "sqlx", "insta"]);
        let names: Vec<_> = found.into_iter().map(|(_, names)| names).collect();
        assert_eq!(names, [vec!["insta"], vec!["redis", "sqlx"]]);
    }
}
