"""An array of Slurm's jobs executes an archive in parts that are merged into the report of one run, though a node dies in the middle.

The nodes are three daemons on this machine. They have neither the sources nor cargo, and the archive shows its files at their old
paths.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from cluster import NODES, Cluster, wait

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=FOR_TESTS, apt=True)
SCRIPT = """\
#!/bin/sh
exec {program} isotest --archive-file {archive} --partition auto --no-fail-fast -j 1 \\
  --report "json={reports}/$SLURM_ARRAY_TASK_ID.jsonl"
"""
# How long the tests of the second project take, so that one of its parts can be killed in the middle.
SLOW = {"MILLIS": ",".join(f"{name}=1500" for name in "abcdefgh")}


def check(run):
    if os.geteuid() != 0:
        raise CheckError("the daemons are started as root: run it with sudo")
    run.build()
    with tempfile.TemporaryDirectory(prefix="isotest-slurm-") as place, Cluster(place) as cluster:
        program = pathlib.Path(shutil.copy(places.DEBUG / "cargo-isotest", place))
        thousand = Project(cluster, program, "trivial", {})
        thousand.spread(lambda _: None)
        thousand.compare(run)
        slow = Project(cluster, program, "remembered", SLOW)
        slow.spread(slow.kill_one)
        slow.compare(run)
        slow.lose_one(run)


class Project:
    """A project that is archived and then executed elsewhere."""

    def __init__(self, cluster, program, name, variables):
        """Builds it and executes it once, for its recorded times; nothing of it is left but the archive."""
        self.cluster, self.program, self.variables = cluster, program, variables
        self.place = cluster.place / name
        self.reports = self.place / "reports"
        self.archive = self.place / "tests.tar.zst"
        self.again = False
        sources = self.place / "sources"
        shutil.copytree(places.FIXTURES / "projects" / name, sources, ignore=shutil.ignore_patterns("target"))
        self.reports.mkdir()
        environment = os.environ | variables | {"XDG_STATE_HOME": str(self.place / "state"), "CARGO_TARGET_DIR": str(sources / "target")}
        for words in (["--report", f"json={self.place}/single.jsonl"], ["archive", "--archive-file", self.archive]):
            done = subprocess.run([program, "isotest", *words], check=False, cwd=sources, env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                raise CheckError(f"{name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        shutil.rmtree(sources)

    def spread(self, disturb):
        """Submits the array, disturbs it, and waits until it is done."""
        script = self.place / "job.sh"
        script.write_text(SCRIPT.format(program=self.program, archive=self.archive, reports=self.reports))
        self.cluster.environment.update(self.variables)
        # Nodes know nothing of earlier runs but what the archive says.
        exported = ",".join([f"HOME={self.place}/nobody", "PATH=/usr/bin:/bin", *self.variables])
        submitted = self.cluster.call("sbatch", "--parsable", "--requeue", f"--array=0-{len(NODES) - 1}", "--export", exported,
                                      f"--output={self.place}/job-%a.out", script)
        job = submitted.strip()
        disturb(job)
        wait(f"job {job} has ended", lambda: not self.cluster.call("squeue", "-h", "-j", job).strip(), 300)

    def kill_one(self, job):
        """Kills the node of a part when its first test has ended; Slurm executes the part again elsewhere."""
        first = self.reports / "1.jsonl"
        wait("a test has ended", lambda: first.exists() and first.read_text().count("attempt-finished") > 0)
        node = self.cluster.call("squeue", "-h", "-j", f"{job}_1", "-o", "%N").strip()
        self.cluster.kill_node(node)
        if "run-finished" in first.read_text():
            raise CheckError("the part had ended before its node was killed")
        (self.place / "cut.jsonl").write_text(first.read_text())
        wait("the part is queued again", lambda: "PENDING" in self.state(f"{job}_1"), 120)
        # Slurm waits for two minutes, in case the job was to blame.
        self.cluster.call("scontrol", "update", f"jobid={job}_1", "StartTime=now")
        self.cluster.start_node(node)
        self.again = True

    def state(self, job):
        """What Slurm says of a job."""
        return self.cluster.call("scontrol", "show", "job", job)

    def merge(self, files):
        """Merges reports. Gives the exit code, what was said, and the verdict of each test."""
        merged = self.place / "merged.json"
        done = subprocess.run([self.program, "isotest", "report", "--merge", "--ctrf", merged, *files], check=False, capture_output=True,
                              text=True, env={"XDG_STATE_HOME": str(self.place / "state"), "PATH": "/usr/bin:/bin"})
        return done.returncode, done.stderr, verdicts(merged)

    def parts(self):
        """The report of each part."""
        return [self.reports / f"{number}.jsonl" for number in range(len(NODES))]

    def compare(self, run):
        """Holds the merged report against that of the single run."""
        missing = [path for path in self.parts() if not path.exists()]
        if missing:
            raise CheckError(f"not written: {missing}: {[path.read_text()[-2000:] for path in self.place.glob('job-*.out')]}")
        code, said, merged = self.merge(self.parts())
        if code != 0:
            raise CheckError(f"the merge ended with {code}: {said}")
        subprocess.run([self.program, "isotest", "report", "--ctrf", self.place / "one.json", self.place / "single.jsonl"], check=True)
        single = verdicts(self.place / "one.json")
        if merged != single:
            raise CheckError(f"the merged report differs: {sorted(merged.items() ^ single.items())[:10]}")
        heads = [json.loads(path.read_text().splitlines()[0]) for path in self.parts()]
        if {head["shard"]["part"] for head in heads} != set(range(1, len(NODES) + 1)) or heads[0]["shard"]["expected_us"] is None:
            raise CheckError(f"the parts were not cut by recorded times: {[head['shard'] for head in heads]}")
        told = [any("Slurm has started this shard before" in remark for remark in head["remarks"]) for head in heads]
        if told != [False, self.again, False]:
            raise CheckError(f"what was executed again is not told: {told}")
        for head in heads:
            run.say(f"{self.place.name}: part {head['shard']['part']} of {head['shard']['parts']}: {head['tests']} tests")
        run.say(f"{self.place.name}: {len(merged)} tests have the verdicts of the single run")
        run.passed += 1

    def lose_one(self, run):
        """Merges what the killed node left in place of the part, and then nothing: both are named, and neither is green."""
        first, _, third = self.parts()
        for files, expected in (([first, self.place / "cut.jsonl", third], "the end of the run is missing"),
                                ([first, third], "shard 2 of 3 is missing")):
            code, said, _ = self.merge(files)
            if code != 2 or expected not in said:
                raise CheckError(f"the merge ended with {code}, and not with 2 because `{expected}`: {said}")
            run.say(said.strip())
        run.passed += 1


def verdicts(path):
    """The verdict of each test in a report."""
    tests = json.loads(path.read_text())["results"]["tests"]
    return {(test["suite"][0], test["name"]): test["rawStatus"] for test in tests}
