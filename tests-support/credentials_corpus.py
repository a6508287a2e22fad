"""Makes the corpus that compares how keyrot and botocore read the shared AWS files.

boto3 and the AWS CLI read both files with `botocore.configloader`. This writes files of every kind
that people have, lets botocore read them, and prints one JSON object per file: the bytes (as
Latin-1 text), and what botocore found. The Rust test needs no Python:
`keyrot-aws/src/profiles/tests/botocore.rs`. To make it again, with the botocore that the emulators
brought (`scripts/emulators setup`):

    PYTHONUTF8=1 target/emulators/venv/bin/python tests-support/credentials_corpus.py \\
        > keyrot-aws/src/profiles/tests/botocore.jsonl

The keys are fake. OLD is in the requested profile, and a new key replaces it:
botocore has to read the changed file as it read the first one, but for these two values.
"""

import json
import random
import sys
import tempfile

from botocore.configloader import build_profile_map, raw_config_parse
from botocore.exceptions import ConfigParseError

OLD = ("AKIAOLDOLDOLDOLDOLD1", "oldOLD/fake+oldOLDfakeOLDfakeOLDfakeOLD1")
NEW = ("AKIANEWNEWNEWNEWNEW2", "newNEW/fake+newNEWfakeNEWfakeNEWfakeNEW2")
DECOY = ("AKIADECOYDECOYDECOY3", "decoy/fake+decoyfakedecoyfakedecoyfake33")
FILES = 700

ENDS = ["\n", "\r\n", "\r", "mixed"]
SEPARATORS = ["=", " = ", ":", " : ", "\t=\t", "= ", " =", " :\t"]
INDENTS = ["", "  ", "    ", "\t", "\u00a0", " \t "]
CREDENTIALS_HEADERS = ["[ops]", "[ ops ]", '["ops"]', "[profile ops]", "[ops] ; mine", "[ops]x", "[ops", "[[ops]]", "[ops]]", "[OPS]", "[ops] # [x]"]
CONFIG_HEADERS = ["[profile ops]", "[profile  ops ]", '[profile "ops"]', "[profile 'ops']", "[ops]", "[ profile ops]", "[profileops]", "[profilex ops]", "[profile ops x]", "[profile o\"p\"s]", "[profile\tops]", "[profile ops] # x", "[profile ops"]
BEHIND = ["", " ", "\t", " # mine", "\t;x", "#x", " ;", '"', "\x00", "\x0c", "\u0085", "\u00e9"]
NAMES = [("aws_access_key_id", "aws_secret_access_key"), ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("Aws_Access_Key_Id", "aws_secret_access_KEY"), ("aws_access_\u212aey_id", "aws_secret_access_key"), ("export aws_access_key_id", "aws_secret_access_key")]
# Lines that may be anywhere in a profile, or before it.
NOISE = [
    "", "   ", "# aws_access_key_id = " + DECOY[0], "  ; aws_access_key_id: " + DECOY[0], "\t# x", "region = eu-central-1", "region: eu-central-1", "output=json",
    "s3 =\n  max_concurrent_requests = 10\n  aws_access_key_id = " + DECOY[0], "s3 =\n  max_concurrent_requests 10", "s3=\n\n\n    a = b",
    "region = a\n  b", "region = a\nregion = b", "no separator here", "= nothing", ": nothing", "x", "aws_session_token = fakeTOKEN", "aws_session_token =",
    "aws_security_token: fakeTOKEN", "aws_access_key_id =", "aws_access_key_id: " + DECOY[0], "aws_secret_access_key = " + DECOY[1], "[other]",
    "[other]\naws_access_key_id = " + DECOY[0] + "\naws_secret_access_key = " + DECOY[1], "[ops]", "[ops]\naws_access_key_id = " + DECOY[0], "[DEFAULT]",
    "[DEFAULT]\naws_access_key_id = " + DECOY[0], "[DEFAULT]\naws_access_key_id = " + DECOY[0] + "\naws_secret_access_key = " + DECOY[1], "[other", "[]", "[]]", "[a]b]",
    "  more", "\tregion = x", "    aws_access_key_id = " + DECOY[0], "# \u00e4\u00f6", "# \x00", "\x0b", "\x1c# odd", "\u2028region = z", "name = \u00e9", "[profile other]\nregion = q",
    "include = \u00a0 x", "a : b = c", "a = b : c", "credential_process = /bin/x --y 'z' # w", "\ufeff# not the beginning",
]


def pick(rng, choices, usual):
    """The first of them, and a different one now and then."""
    return choices[0] if rng.random() < usual else rng.choice(choices)


def make(rng, plain):
    """A file as text with line ends and an encoding, of its parts."""
    usual = 1.0 if plain else 0.85
    kind = rng.choice(["credentials", "credentials", "config"])
    header = pick(rng, CREDENTIALS_HEADERS if kind == "credentials" else CONFIG_HEADERS, usual)
    noise = [[] for _ in range(5)]
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        # Before the first section most lines are refused, so they are rare.
        rng.choices(noise, weights=[1, 4, 4, 4, 4])[0].append(rng.choice(NOISE))
    separator = pick(rng, SEPARATORS, 0.4)
    indent = pick(rng, INDENTS, 0.6)
    # Most files indent both in the same way.
    indents = [indent, indent if rng.random() < 0.8 else rng.choice(INDENTS)]
    names = pick(rng, NAMES, usual)
    pairs = [f"{i}{name}{separator}{value}{pick(rng, BEHIND, usual)}" for i, name, value in zip(indents, names, OLD)]
    if rng.random() < 0.3:
        pairs.reverse()
    if rng.random() < 0.04:
        pairs.pop()
    if rng.random() < 0.03:
        pairs[0] += "\n" + indents[0] + "  more"
    before, first, between, behind, after = noise
    other = "[other]" if kind == "credentials" else "[profile other]"
    tail = [other, "region = x", *after] if rng.random() < 0.4 else after
    lead = ["[first]\nregion = y"] if rng.random() < 0.2 else []
    head = pick(rng, ["", "  ", "\t"], 0.9) + header
    parts = [*before, *lead, head, *first, pairs[0], *between, *pairs[1:], *behind, *tail]
    text = "\n".join(parts) + ("\n" if rng.random() < 0.8 else "")
    end = pick(rng, ENDS, 0.5)
    text = "".join(rng.choice(ENDS[:3]) if c == "\n" and end == "mixed" else end if c == "\n" else c for c in text)
    encoding = "utf-8" if plain else pick(rng, ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-be", "utf-16-le"], 0.85)
    return kind, text.encode(encoding, "replace")


def read(kind, content):
    """Everything that botocore finds, by profile; or why it refuses the file."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            found = raw_config_parse(file.name)
        except ConfigParseError as error:
            return None, type(error.__context__ or error).__name__
    return (found if kind == "credentials" else build_profile_map(found)["profiles"]), None


def replaced(content):
    for old, new in zip(OLD, NEW):
        content = content.replace(old, new) if isinstance(content, str) else content.replace(old.encode(), new.encode())
    return content


def main():
    rng = random.Random(13)
    seen = set()
    while len(seen) < FILES:
        kind, content = make(rng, plain=len(seen) % 4 == 0)
        if (kind, content) in seen:
            continue
        seen.add((kind, content))
        found, refused = read(kind, content)
        line = {"kind": kind, "text": content.decode("latin-1")}
        if refused:
            line["refused"] = refused
        else:
            profile = found.get("ops", {})
            line["ops"] = {name: value for name, value in profile.items() if name.startswith("aws_")}
            # keyrot's write changes only two values for botocore.
            again, _ = read(kind, replaced(content))
            assert again == json.loads(replaced(json.dumps(found))), content
        json.dump(line, sys.stdout)
        print()


main()
