//! What the host allows, told before anything is executed: the doctor and a run never disagree, and what the doctor
//! advises helps.

use crate::call::{Call, Ended, bare, isotest};
use crate::confined::{self, execution};
use crate::project::Project;
use serde_json::Value;

/// What the doctor said as JSON.
fn diagnosis(ended: &Ended) -> Value {
    let mut lines = ended.stdout.lines();
    let object = serde_json::from_str(lines.next().unwrap_or_default()).expect("an object");
    assert_eq!(lines.next(), None, "{ended:#?}");
    object
}

fn doctor() -> Call {
    bare().arguments(["doctor", "--message-format", "json"])
}

#[test]
fn the_doctor_says_what_a_run_says() {
    let ended = doctor().run();
    let found = diagnosis(&ended);
    let (ran, lines) = isotest(&Project::fixture("passing")).lines();
    assert_eq!((ended.status.code(), ran.status.code()), (Some(0), Some(0)), "{ended:#?}");
    let states = lines.started["isolation"].as_object().unwrap();
    assert_eq!(states.len(), found["capabilities"].as_object().unwrap().len());
    for (capability, state) in states {
        let condition = &found["capabilities"][capability];
        let agrees = (state["state"] == "in-force") == (condition["state"] == "ok");
        assert!(agrees, "{capability}: {state} and {condition}");
    }
}

#[test]
fn what_is_switched_off_is_not_missed() {
    let ended = bare().arguments(["doctor", "--off", "memory,net"]).run().with_code(0);
    for line in ["         off memory", "         off net", "          ok user"] {
        assert!(ended.stdout.lines().any(|found| found == line), "{}", ended.stdout);
    }
}

/// In which a limit of namespaces holds for this shell alone.
fn limited(setting: &str, script: &str) -> Ended {
    confined::shell(&format!("echo 0 >/proc/sys/user/{setting} && {script}"))
}

#[test]
fn a_limit_of_namespaces_is_named_with_what_lifts_it() {
    for (setting, capability) in [("max_user_namespaces", "user"), ("max_uts_namespaces", "uts")] {
        let found = diagnosis(&limited(setting, "exec $0 doctor --message-format json").with_code(97));
        let reason = found["capabilities"][capability]["reason"].as_str().unwrap();
        assert!(reason.contains("No space left on device (os error 28)"), "{reason}");
        let remedies = found["remedies"].as_array().unwrap();
        let remedy = remedies.iter().find(|remedy| remedy["for"][0] == capability).unwrap();
        let command = remedy["commands"][0].as_str().unwrap();
        assert_eq!(command, format!("sysctl -w user.{setting}=15000"));
        // The advice is taken, and the same shell can then execute tests.
        let lift = command.replace("sysctl -w ", "").replace('.', "/").replacen('=', " ", 1);
        let (path, value) = lift.split_once(' ').unwrap();
        limited(setting, &format!("echo {value} >/proc/sys/{path} && exec $0 doctor")).with_code(0);
    }
}

#[test]
fn a_preferred_namespace_that_is_refused_is_said_to_be_missing() {
    let passing = Project::fixture("passing");
    let script = execution(&passing, "--prefer net,uts --message-format json");
    for (setting, missing) in [("max_uts_namespaces", "uts"), ("max_net_namespaces", "net")] {
        let ended = limited(setting, &script).with_code(0);
        let started: Value = serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
        for capability in ["net", "uts", "ipc"] {
            let state = &started["isolation"][capability];
            let expected = if capability == missing { "missing" } else { "in-force" };
            assert_eq!(state["state"], expected, "{capability}: {state}");
        }
        let line =
            format!("     Missing {missing}: could not enter new namespaces (`{missing}`): No space left");
        assert!(ended.stderr.contains(&line), "{}", ended.stderr);
    }
    let ended = limited("max_uts_namespaces", &execution(&passing, "--require uts")).with_code(97);
    assert!(ended.stderr.contains("no `uts` (could not enter"), "{}", ended.stderr);
}

#[test]
fn a_masked_proc_is_named_and_uncovering_it_helps() {
    let mask = "mount --bind /dev/null /proc/uptime";
    // What covers it cannot be taken away by those in a further namespace, as in a container.
    let inside = "exec unshare --user --map-root-user --mount $0 doctor";
    let script = format!("{mask} && {inside} --message-format json");
    let found = diagnosis(&confined::shell(&script).with_code(97));
    let reason = found["capabilities"]["rootfs"]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("could not mount a fresh /proc: Operation not permitted (os error 1)"),
        "{reason}"
    );
    let masked = found["host"]["masked_proc"].as_array().unwrap();
    assert!(masked.iter().any(|path| path == "/proc/uptime"), "{masked:?}");
    let remedy =
        found["remedies"].as_array().unwrap().iter().find(|remedy| remedy["for"][0] == "rootfs").unwrap();
    let command = remedy["commands"][0].as_str().unwrap();
    assert!(
        command.contains("umount /proc/uptime") || command.contains("systempaths=unconfined"),
        "{command}"
    );
    confined::shell(&format!("{mask} && umount /proc/uptime && {inside}")).with_code(0);
}

#[test]
fn a_run_names_every_refusal_and_the_same_remedies() {
    let passing = Project::fixture("passing");
    let script = format!("echo 0 >/proc/sys/user/max_ipc_namespaces && {}", execution(&passing, ""));
    let ended = limited("max_uts_namespaces", &script).with_code(97);
    for text in [
        "error: this host cannot isolate as required: no `ipc` (could not enter new namespaces (`ipc`): No space left",
        "no `uts` (could not enter new namespaces (`uts`): No space left on device (os error 28)",
        "sysctl -w user.max_ipc_namespaces=15000\n",
        "sysctl -w user.max_uts_namespaces=15000\n",
    ] {
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
    }
    assert_eq!(ended.stdout, "");
}
