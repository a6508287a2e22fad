"""Checks the workspace's rust-version. `scripts/test msrv` runs it.

- No dependency declares a newer one. (A crate that declares none is not counted: there is nothing to compare.)
- It is no newer than it has to be: some dependency needs it, or the language edition does.
- The documents that name a release of Rust name this one.

Clippy checks that no newer function of the standard library is used: the lint `incompatible_msrv` knows the release of each.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/deploy.md")
# Edition 2024 with let chains.
LANGUAGE = (1, 88, 0)


def version(text: str) -> tuple[int, ...]:
    """1.94 and 1.94.0 are the same."""
    parts = [int(part) for part in text.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def declared() -> list[tuple[tuple[int, ...], str]]:
    """The rust-version of each package of the dependency graph that declares one, with its name."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    packages = [one for one in json.loads(printed)["packages"] if one["source"] and one["rust_version"]]
    return sorted((version(one["rust_version"]), f"{one['name']} {one['version']}") for one in packages)


def problems() -> list[str]:
    """Returns all errors."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    text = manifest["workspace"]["package"]["rust-version"]
    own = version(text)
    needs = declared()
    wrong = [
        f"{name} needs Rust {'.'.join(map(str, needed))}; the workspace says rust-version = {text}"
        for needed, name in needs
        if needed > own
    ]
    most = max(needs[-1][0], LANGUAGE)
    if own > most:
        wrong.append(f"rust-version = {text}, but {'.'.join(map(str, most))} is enough for every dependency")
    for name in DOCUMENTS:
        named = re.findall(r"\bRust(?:\]\([^)]*\))? (\d+(?:\.\d+)+)", (ROOT / name).read_text(encoding="utf-8"))
        if not named:
            wrong.append(f"{name} names no release of Rust; expected {text}")
        wrong += [f"{name} says Rust {other}; rust-version is {text}" for other in named if other != text]
    return wrong


if __name__ == "__main__":
    found = problems()
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    sys.exit(1 if found else 0)
