"""Executes a job of a file for GitLab as its runner with the shell executor does, as far as jobs without services need it.

    gitlab_job.py FILE JOB PROJECT RESULT [NAME=VALUE]..

PROJECT is the directory of the repository, RESULT is written as JSON when all is done: the status of the script, all that it printed,
and the files that the runner would keep, each list with those that are there. NAME=VALUE is a variable of the pipeline, which wins over
that of the job. Needs a parser of YAML, which Python does not have.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys

import yaml


def main(arguments):
    file, name, project, result, *variables = arguments
    job = yaml.safe_load(pathlib.Path(file).read_text())[name]
    own = {key: str(value) for key, value in job.get("variables", {}).items()}
    env = os.environ | own | dict(text.split("=", 1) for text in variables) | {"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": project}
    done = subprocess.run(["bash"], input=script(job["script"]), env=env, cwd=project, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    kept = artifacts(job.get("artifacts", {}), pathlib.Path(project), done.returncode)
    pathlib.Path(result).write_text(json.dumps({"status": done.returncode, "printed": done.stdout} | kept, indent=1))


def script(commands):
    """The runner evaluates all commands in one shell, each after it has told it, with nothing to read."""
    told = [line for command in commands for line in (f"echo {shlex.quote('$ ' + command)}", command)]
    text = "\n".join(["set -eo pipefail", "set +o noclobber", *told, ""])
    return f"eval {shlex.quote(text)} </dev/null\n"


def artifacts(said, project, status):
    """What is kept of the files that are named: by `paths`, and for each kind of report."""
    if said.get("when", "on_success") not in ("always", "on_success" if status == 0 else "on_failure"):
        return {"paths": [], "reports": {}}

    def there(names):
        return [str(project / name) for name in names if (project / name).is_file()]

    reports = {kind: there([names] if isinstance(names, str) else names) for kind, names in said.get("reports", {}).items()}
    return {"paths": there(said.get("paths", [])), "reports": reports}


if __name__ == "__main__":
    main(sys.argv[1:])
