"""The schema of the configuration file allows what the program reads, and refuses what it refuses for its form."""

import json
import pathlib
import re
import tempfile

import needs
import places
from running import CheckError

NEEDS = needs.Needs(linters=True)

# Texts that are wrong, each with what the program says of it.
WRONG = places.ROOT / "cargo-isotest/tests/cli/help/config.txt"
# What a schema can say: that a key is none, or a value not what is expected. Other errors are of values that exclude each other,
# or are not there on this machine.
OF_FORM = re.compile(r": [^ ]+: (unknown key `|`[^`]+ = .*`: expected )")
# Of numbers in a text no schema knows which is the greater.
UNSEEN = ('cpus = "2-1"', 'nofile = "9:3"')
PUBLISHED = places.ROOT / "cargo-isotest/isotest.schema.json"

# Reads pairs of a text and whether it is right, and says which ones the schema judges otherwise.
JUDGE = """
import json, sys, tomllib, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
for text, is_right in json.load(open(sys.argv[2])):
    errors = [error.message for error in validator.iter_errors(tomllib.loads(text))]
    if bool(errors) == is_right:
        print(json.dumps([text, errors]))
"""


def check(run):
    run.build()
    shown = run.read([places.DEBUG / "cargo-isotest", "isotest", "show-config", "--schema"])
    if shown != PUBLISHED.read_text():
        raise CheckError(f"{PUBLISHED.relative_to(places.ROOT)} is not what `show-config --schema` prints")
    right, wrong = [*examples(json.loads(shown)), *documented()], refused()
    run.say(f"{len(right)} texts that are read, {len(wrong)} that are refused for their form")
    if min(len(right), len(wrong)) < 30:
        raise CheckError("these are too few to say anything")
    with tempfile.TemporaryDirectory(prefix="isotest-configuration.") as name:
        place = pathlib.Path(name)
        texts = place / "texts.json"
        texts.write_text(json.dumps([(text, True) for text in right] + [(text, False) for text in wrong]))
        judged = run.read([needs.tool("python"), "-c", JUDGE, PUBLISHED, texts])
        if judged:
            raise CheckError(f"the schema judges otherwise:\n{judged}")
        # As a project would: the file itself, by another program.
        for number, (text, status) in enumerate([(right[0], 0), (right[-1], 0), (wrong[0], 1), (wrong[-1], 1)]):
            file = place / f"{number}.toml"
            file.write_text(text)
            run.call([needs.tool("check-jsonschema"), "--schemafile", PUBLISHED, file], accept=(status,))


def examples(schema):
    """A file for each example and each default of a key."""
    for key, form in schema["definitions"].items():
        for value in [*form.get("examples", []), *([form["default"]] if "default" in form else [])]:
            yield f"[profile.default]\n{key} = {toml(value)}\n"


def toml(value):
    """Writes a value as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(entry)}" for key, entry in value.items()) + " }"
    return json.dumps(value)


def documented():
    """The files that the pages for users show."""
    pages = [places.ROOT / "README.md", *sorted((places.ROOT / "cargo-isotest/docs").glob("*.md"))]
    for page in pages:
        for text in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            if re.match(r"\[+(profile\.|test-groups|scripts)", text):
                yield text


def refused():
    """The texts that the program refuses for their form, and the schema can."""
    rest, texts = WRONG.read_text(), []
    while rest:
        text, _, said = rest.partition("\n=> error")
        said, _, rest = said.partition("\n\n")
        if OF_FORM.match(said.splitlines()[0]) and not any(unseen in text for unseen in UNSEEN):
            texts.append(text)
    return texts
