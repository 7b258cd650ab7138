"""A hundred filtersets choose the tests of a workspace with every kind of test binary that `cargo nextest` chooses by them."""

import json
import os
import shutil
import subprocess
import tempfile

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=FOR_TESTS)
PROJECT = places.FIXTURES / "projects/kinds"
# What a run says that has no test, and what both say of an expression that is none.
NO_TESTS, INVALID = 4, 94

EXPRESSIONS = r"""
all()
none()
default()
all( )
test(parser)
test(parses)
test(=tests::orders)
test(= tests::orders)
test(~order)
test(#tests::*)
test(#*::rejects_*)
test(#tests::order?)
test(#tests::[ao]*)
test(#{tests\,unit}::*)
test(#tests::orders{,_twice})
test(#tests::orders{\,_twice})
test(/^tests::/)
test(/twice$/)
test(/(?i)REJECTS/)
test(/^\w+$/)
test(/\//)
test(/a\/b/)
test(//)
test(größe)
test(/gr\p{L}+e$/)
test(gr\u{f6}\u{df}e)
test(=f(x\))
test(=a\, b)
test(=back\\slash)
test(=a\/b)
test(a/b)
test(reads)
test(orders )
test (orders)
test( orders)
package(core)
package(=core)
package(~o)
package(#*o*)
package(/^[abc]/)
package(c*)
package(co)
package(*)
package(kernel)
deps(core)
deps(app)
deps(base)
deps(derive)
deps(lone)
deps(gen)
deps(*)
deps(/a/)
rdeps(core)
rdeps(base)
rdeps(derive)
rdeps(gen)
rdeps(app)
rdeps(lone)
rdeps(=base)
rdeps(nothing)
deps(app) - deps(core)
rdeps(base) & deps(core)
deps(core) - package(core)
binary(it)
binary(kernel)
binary(core)
binary(=own-harness)
binary(/-/)
binary(*e*)
binary(~a)
binary(#s{how\,peed})
binary(nothing)
binary_id(core)
binary_id(core::*)
binary_id(core::it)
binary_id(*::it)
binary_id(core::bin/*)
binary_id(*/helper)
binary_id(=core::bench/speed)
binary_id(/::(bin|example)\//)
binary_id(~::)
binary_id(derive)
binary_id(kernel)
kind(lib)
kind(bin)
kind(test)
kind(bench)
kind(example)
kind(proc-macro)
kind(=lib)
kind(~b)
kind(/^b/)
kind(#*e*)
kind(nothing)
kind(lib )
platform(host)
platform(target)
platform( target )
not platform(host)
group(@global)
group(=@global)
group(*)
group(nothing)
not all()
!all()
! kind(lib)
not not kind(lib)
!(kind(lib) | kind(test))
kind(lib) and package(core)
kind(lib) & package(core)
kind(lib) or kind(bench)
kind(lib) | kind(bench)
kind(lib) + kind(bench)
kind(test) - package(core)
kind(test) - test(parses) - test(public)
kind(lib) | kind(test) & package(base)
(kind(lib) | kind(test)) & package(base)
kind(lib) & package(core) | kind(test) & package(base)
not kind(lib) & package(core)
not kind(lib) | package(core)
all() - (kind(test) - test(parses))
kind(lib)and(package(core))
kind(lib)or(package(app))
kind(lib)&package(core)
not(kind(lib))
((((kind(lib)))))
  kind(lib)  and   test(orders)
package(core) and (test(rejects) or binary(show)) - kind(test)

all() andall()
notall()
all() && all()
all() || all()
all() AND all()
all() OR all()
NOT all()
and all()
all() and
all() all()
all() -
(all()
all())
()
all
all(a)
test
test(
test()
test(a
test(a, b)
test(a\d)
test(\u{110000})
test(\u{d800})
test(/a)
test(/(/)
test(/[/)
test(#[)
test(#{a,b})
test(/\/)
platform(linux)
platform()
tests(a)
Test(a)
deps (
"""


def check(run):
    if not shutil.which("cargo-nextest"):
        run.skip("filtersets", "cargo-nextest is not installed")
        return
    run.build()
    with tempfile.TemporaryDirectory() as target:
        compare(run, target)


def compare(run, target):
    expressions = [line for line in EXPRESSIONS.split("\n") if line.strip()]
    # Of several lines, and several of them.
    selections = [[text] for text in expressions] + [
        ["kind(lib)\n  and\r\n  package(core)\n"], ["\tall()"], [""], ["kind(bench)", "test(twice)"], ["none()", "kind(example)"]]
    chosen = wrong = 0
    for selection in selections:
        theirs, ours = nextest(target, selection), isotest(target, selection)
        if theirs != ours:
            raise CheckError(f"{selection}: cargo nextest chooses {theirs}, and cargo isotest {ours}")
        if theirs is None:
            wrong += 1
        else:
            chosen += 1
    run.say(f"{chosen} selections choose the same tests, and {wrong} are refused by both")
    run.passed += 1


def nextest(target, selection):
    """The tests that are chosen, or `None` if an expression is refused."""
    flags = [word for text in selection for word in ("-E", text)]
    command = ["cargo", "nextest", "list", "--run-ignored", "all", "--message-format", "json", *flags]
    status, said = answer([*command, "--target-dir", target])
    if status == INVALID:
        return None
    if status != 0:
        raise CheckError(f"cargo nextest ended with {status} for {selection}")
    suites = json.loads(said)["rust-suites"].values()
    return sorted((suite["binary-id"], name) for suite in suites for name, test in suite["testcases"].items()
                  if test["filter-match"]["status"] == "matches")


def isotest(target, selection):
    """The same."""
    flags = [word for text in selection for word in ("-E", text)]
    command = [places.DEBUG / "cargo-isotest", "isotest", "list", "--run-ignored", "all", "--message-format", "json", *flags]
    status, said = answer([*command, "--target-dir", target])
    if status == INVALID:
        return None
    if status not in (0, NO_TESTS):
        raise CheckError(f"cargo isotest ended with {status} for {selection}")
    tests = map(json.loads, said.splitlines())
    return sorted((test["binary_id"], test["name"]) for test in tests)


def answer(command):
    """Exit status and standard output, without a configuration of the caller's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NEXTEST_", "ISOTEST_"))}
    done = subprocess.run(list(map(str, command)), cwd=PROJECT, check=False, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.returncode, done.stdout.decode()
