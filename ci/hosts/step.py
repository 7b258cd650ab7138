"""The GitHub step, executed on pure cgroup v2 under systemd, in a guest: by a CI agent without a session."""

import json
import shutil

import places
from checks import github
from hosts import guest, rows
from hosts.subject import CANNOT_ISOLATE, ISOTEST, PROJECTS, TESTS_FAILED, UID, Subject, build, line

MANIFEST = """[package]
name = "step"
version = "0.1.0"
edition = "2024"

[workspace]
"""
# What glibc does not let root's programs have, and what only these are told.
SOURCE = """
#[test]
fn has_the_environment_of_the_job() {
    assert_eq!(std::env::var("TZDIR").as_deref(), Ok("/zones"));
    assert_eq!(std::env::var_os("SUDO_USER"), None);
}

#[test]
fn holds_64_mebibytes() {
    let bytes = vec![1_u8; 64 << 20];
    assert!(std::hint::black_box(&bytes).iter().all(|&byte| byte == 1));
}

#[test]
fn fails() {
    panic!("as it should");
}

#[test]
#[ignore = "does not end"]
fn waits() {
    println!("cancel me");
    std::thread::sleep(std::time::Duration::from_secs(3600));
}
"""
PLACE = PROJECTS / "step-job"
PORT = 8000
MEMORY = 64 << 20
# A service of the system, as the runner of a machine of one's own is one, and as hosted machines start theirs.
AGENT = ["sudo", "systemd-run", "--quiet", "--wait", "--pipe", "-p", f"User={UID}", "-p", f"WorkingDirectory={PLACE}"]
LEFT = "systemctl list-units --no-legend --plain 'isotest-*.scope'; pgrep -a cargo-isotest"


def setUpModule():
    global ran
    subject = Subject()
    project = PLACE / "workspace/step"
    shutil.rmtree(PLACE, ignore_errors=True)
    (project / "src").mkdir(parents=True)
    (project / "Cargo.toml").write_text(MANIFEST)
    (project / "src/lib.rs").write_text(SOURCE)
    github.release(PLACE / "releases", ISOTEST)
    build(PLACE, project)
    path = next(word for word in subject.isotest() if str(word).startswith("PATH="))

    def step(*arguments, started=(*AGENT,), options=(), name="job"):
        temporary = f"/tmp/{name}"
        variables = [path, f"RUNNER_TEMP={temporary}", f"GITHUB_WORKSPACE={PLACE}/workspace", f"GITHUB_SERVER_URL=http://127.0.0.1:{PORT}",
                     "GITHUB_REPOSITORY=user/project", "GITHUB_ACTION_REPOSITORY=owner/repo", "GITHUB_ACTIONS=true", "CI=true",
                     "HOME=/home/user", "TZDIR=/zones"]
        text = "\n".join(["--offline", "--no-fail-fast", *arguments])
        words = [*started, "env", *variables, "python3", places.CI / "composite.py", *options, github.ACTION, f"{temporary}/result.json",
                 "working-directory=step", "install=release", f"arguments={text}"]
        return f"mkdir {temporary}; {line(words)} >&2 && cat {temporary}/result.json; {LEFT} >&2"

    ran = guest.run({
        "releases": f"python3 -m http.server --bind 127.0.0.1 --directory {PLACE}/releases {PORT} >/dev/null 2>&1 &",
        "session": step(started=(), name="session"),
        "session_ends": "sudo systemctl stop user@1000.service",
        "agent": step(name="agent"),
        "agent_report": "cat /tmp/agent/cargo-isotest/results.jsonl",
        "cancelled": step("--run-ignored=only", "--no-capture", options=("--cancel", "cancel me"), name="cancelled"),
        "left": LEFT,
        "unprivileged": step(started=(*AGENT, "-p", "NoNewPrivileges=yes"), name="unprivileged"),
        "refused": f"sudo sysctl -q -w user.max_user_namespaces=0; {step(name='refused')}",
    }, "--systemd", "--as-user", files=[*subject.files(), PLACE, places.CI / "composite.py", github.ACTION, places.CI / "github",
                                        places.ROOT / "Cargo.toml"])


class Step(rows.Row):
    """What becomes of the job."""

    def result(self, name):
        try:
            return json.loads(ran[name].stdout)
        except json.JSONDecodeError:
            self.fail(f"{ran[name]}")

    def assert_executed(self, name, cgroup):
        result = self.result(name)
        self.assertEqual([done["status"] for done in result["steps"]], [0, 0, TESTS_FAILED, 0], f"{ran[name]}")
        self.assertIn(f"sandboxes can be made here, cgroup: {cgroup}\n", result["printed"])
        outputs = result["outputs"]
        self.assertEqual([outputs[name] for name in ("passed", "failed", "flaky", "over-budget")], ["2", "1", "0", "0"], f"{ran[name]}")
        return result

    def test_the_agent_gets_a_scope_and_everything_is_measured(self):
        result = self.assert_executed("agent", "scope")
        self.assertTrue(MEMORY <= int(result["outputs"]["peak"]) < 2 * MEMORY, f"{result['outputs']}")
        started = json.loads(ran["agent_report"].stdout.splitlines()[0])
        states = {name: started["isolation"][name]["state"] for name in ("memory", "pids", "io")}
        self.assertEqual(states, dict.fromkeys(states, "in-force"))

    def test_who_has_a_session_needs_no_scope(self):
        result = self.assert_executed("session", "own")
        self.assertTrue(MEMORY <= int(result["outputs"]["peak"]) < 2 * MEMORY, f"{result['outputs']}")

    def test_an_agent_that_may_not_use_sudo_goes_without(self):
        self.assert_executed("unprivileged", "own")

    def test_a_job_that_is_cancelled_leaves_nothing(self):
        result = self.result("cancelled")
        self.assertIn("cancel me", result["printed"])
        statuses = [(done["id"], done["status"]) for done in result["steps"]]
        self.assertEqual(statuses[2:], [("run", 130), ("report", 0)], f"{ran['cancelled']}")
        self.assertEqual(ran["left"].stdout, "", f"{ran['left']}")

    def test_a_host_that_refuses_is_told(self):
        result = self.result("refused")
        self.assertEqual([(done["id"], done["status"]) for done in result["steps"]],
                         [("install", 0), ("prepare", CANNOT_ISOLATE), ("report", 0)], f"{ran['refused']}")
        self.assertEqual([(said["step"], said["name"]) for said in result["commands"]], [("prepare", "error")])
