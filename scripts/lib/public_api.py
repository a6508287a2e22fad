"""Lists what the libraries make public, and compares that with the committed list. `scripts/test imports` runs it.

A change of the public API has to be deliberate: `python3 scripts/lib/public_api.py --write` writes `CRATE/public-api.txt` again,
and the change is read in the diff. cargo-public-api would know types better, but it needs a nightly compiler.
Items that a macro of the crate generates are listed only by name.
"""

import difflib
import re
import sys
import tempfile
from pathlib import Path

from rust_source import USE, Module, absolute, closing, defining, descend, everything, leaves, load

CRATES = ("keyrot-core", "keyrot-aws")
ITEM = re.compile(
    r"(?P<attributes>(?:#\[(?:[^\[\]]|\[[^\]]*\])*\]\s*)*)(?P<public>pub(?:\s*\([^)]*\))?\s+)?"
    r"(?P<qualifiers>(?:(?:async|unsafe|default)\s+|const\s+(?=fn\b|unsafe\b|async\b))*)"
    r"(?P<kind>fn|struct|enum|union|trait|type|const|static|impl|macro_rules!|mod|use|extern)\b"
)


def squeeze(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r",? ([)\]>])|,(?= })", r"\1", re.sub(r"([(\[<]) ", r"\1", text))
    return re.sub(r"\b(?:(?:crate|super)::)+(?:\w+::)*(?=\w)", "", text)


def items(code: str, inside_trait: bool = False) -> list[dict]:
    """The items of a module, of a trait or of an impl, each with its header and its body."""
    found, at = [], 0
    while match := ITEM.search(code, at):
        # A header ends at the first brace or semicolon that is in no parenthesis.
        end, depth = match.end(), 0
        while end < len(code) and not (depth == 0 and code[end] in "{;"):
            if code[end] in "([":
                end = closing(code, end)
            end += 1
        if end >= len(code):
            break
        stop = closing(code, end) if code[end] == "{" else end
        header = squeeze(code[match.end("attributes") : end])
        name = re.match(r"\s*([A-Za-z_]\w*)", code[match.end() :])
        found.append(
            {
                "public": inside_trait or (match["public"] or "").strip() == "pub",
                "kind": match["kind"],
                "name": name[1] if name else "",
                "header": header.split(" = ")[0] if match["kind"] in ("const", "static") else header,
                "body": code[end + 1 : stop] if code[end] == "{" else "",
                "attributes": match["attributes"],
            }
        )
        at = stop + 1
    return found


def members(item: dict) -> list[str]:
    """The public fields of a struct, the variants of an enum, the items of a trait."""
    if item["kind"] == "trait":
        return [one["header"] for one in items(item["body"], inside_trait=True)]
    body = re.sub(r"#\[(?:[^\[\]]|\[[^\]]*\])*\]", "", item["body"])
    found, depth, start = [], 0, 0
    for at, char in enumerate(body):
        depth += (char in "{([<") - (char in "})]" or (char == ">" and body[at - 1] not in "-="))
        if char == "," and depth == 0:
            found.append(body[start:at])
            start = at + 1
    found = [squeeze(one) for one in found + [body[start:]] if one.strip()]
    if item["kind"] == "enum":
        return found
    return [one for one in found if one.startswith("pub ")]


def public_paths(top: Module) -> dict[tuple[tuple[str, ...], str], list[str]]:
    """Every item that can be reached from outside: where it is defined, with the paths under which it is public."""
    paths: dict[tuple[tuple[str, ...], str], list[str]] = {}

    def walk(module: Module, prefix: str, hops: int) -> None:
        if hops > 6:
            return
        for item in items(module.code):
            if item["public"] and item["name"] and item["kind"] not in ("mod", "use", "impl"):
                paths.setdefault((module.path, item["name"]), []).append(f"{prefix}::{item['name']}")
        for name, child in module.children.items():
            if child.public:
                walk(child, f"{prefix}::{name}", hops + 1)
        for match in USE.finditer(module.code):
            if (match["public"] or "").strip() != "pub":
                continue
            for path, name in leaves(match["tree"]):
                target = absolute(top, module, path)
                if target is None:
                    paths.setdefault((("extern",), "::".join(path)), []).append(f"{prefix}::{name}")
                    continue
                inner, rest = descend(top, target)
                if not rest:
                    walk(inner, f"{prefix}::{name}", hops + 1)
                elif rest == ("*",):
                    walk(inner, prefix, hops + 1)
                else:
                    home = defining(top, target)[0]
                    paths.setdefault((home.path, target[-1]), []).append(f"{prefix}::{name}")

    walk(top, top.file.parent.parent.name.replace("-", "_"), 0)
    return paths


def listing(top: Module) -> list[str]:
    paths = public_paths(top)
    defined = {(module.path, item["name"]): item for module in everything(top) for item in items(module.code)
               if item["kind"] not in ("mod", "use", "impl")}
    # What each impl adds to which type, wherever it is written.
    added: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for module in everything(top):
        scope = {name: absolute(top, module, path) for match in USE.finditer(module.code) for path, name in leaves(match["tree"])}
        for item in items(module.code):
            if item["kind"] != "impl":
                continue
            header = item["header"]
            subject = header.rsplit(" for ", 1)[-1] if " for " in header else re.sub(r"^impl(?:<(?:[^<>]|<[^<>]*>)*>)?\s*", "", header)
            if not (name := re.match(r"&?(?:'\w+ )?(?:\w+::)*(\w+)", subject)):
                continue
            target = scope.get(name[1])
            home = (defining(top, target)[0].path, target[-1]) if target else (module.path, name[1])
            lines = [re.sub(r"^impl(<.*?>)? ?", "impl ", header)] if " for " in header else []
            if " for " not in header:
                lines = [one["header"] for one in items(item["body"]) if one["public"]]
            added.setdefault(home, []).extend(lines)
    lines = []
    for key, public in paths.items():
        first, *others = sorted(set(public), key=lambda path: (path.count("::"), path))
        item = defined.get(key)
        if item is None:
            lines.append(f"{first} = {key[1]}" if key[0] == ("extern",) else f"{first} (by a macro)")
            inside = []
        else:
            marks = re.findall(r"#\[(non_exhaustive|cfg\([^\]]*\))\]", item["attributes"])
            derived = ", ".join(squeeze(one) for one in re.findall(r"derive\(([^)]*)\)", item["attributes"]))
            lines.append(f"{first}: {item['header']}" + "".join(f" #[{mark}]" for mark in marks) + (f" ({derived})" if derived else ""))
            inside = [] if item["kind"] in ("fn", "const", "static", "type") else members(item)
        lines += [f"{first}  also {path}" for path in others]
        lines += [f"{first}  {line}" for line in inside + added.get(key, [])]
    # An item comes before its members.
    return sorted(set(lines), key=lambda line: (re.split(r": |  | = | \(", line)[0], "  " in line, line))


def self_test() -> None:
    source = {
        "lib.rs": "pub mod open;\nmod closed;\npub use closed::Kept;\npub use chrono::Utc;\n",
        "open.rs": "pub(crate) struct Hidden;\n#[derive(Debug)]\n#[non_exhaustive]\npub enum Way { One, Two { way: u8 } }\n"
        "impl Way {\n    pub const fn of(self, to: &str) -> Option<u8> { None }\n    fn own() {}\n}\npub const MOST: u8 = 3;\n",
        "closed.rs": "pub struct Kept { pub field: Vec<(u8, u8)>, hidden: u8 }\npub struct Unseen;\nimpl Clone for Kept { fn clone(&self) -> Self { loop {} } }\n"
        "pub trait Port { fn call(&self); }\n",
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "a-crate" / "src"
        root.mkdir(parents=True)
        for name, text in source.items():
            (root / name).write_text(text, encoding="utf-8")
        found = listing(load(root / "lib.rs"))
    expected = [
        "a_crate::Kept: pub struct Kept",
        "a_crate::Kept  impl Clone for Kept",
        "a_crate::Kept  pub field: Vec<(u8, u8)>",
        "a_crate::Utc = chrono::Utc",
        "a_crate::open::MOST: pub const MOST: u8",
        "a_crate::open::Way: pub enum Way #[non_exhaustive] (Debug)",
        "a_crate::open::Way  One",
        "a_crate::open::Way  Two { way: u8 }",
        "a_crate::open::Way  pub const fn of(self, to: &str) -> Option<u8>",
    ]
    if found != expected:
        sys.exit("self-test:\n" + "\n".join(difflib.unified_diff(expected, found, lineterm="")))


if __name__ == "__main__":
    self_test()
    root = Path(__file__).resolve().parents[2]
    changed = False
    for crate in CRATES:
        file = root / crate / "public-api.txt"
        text = "".join(f"{line}\n" for line in listing(load(root / crate / "src" / "lib.rs")))
        if "--write" in sys.argv[1:]:
            file.write_text(text, encoding="utf-8")
            continue
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        if text != before:
            changed = True
            sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), text.splitlines(True), str(file), "the source"))
    if changed:
        print("\nThe public API differs. If that is meant: python3 scripts/lib/public_api.py --write, and read the diff.")
    sys.exit(1 if changed else 0)
