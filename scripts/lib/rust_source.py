"""Reads the modules of a Rust crate from its source: just enough of the language to see who imports what.

No dependencies. `cargo modules` answers the same questions, but takes minutes to build here; this takes a second.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

IDENTIFIER = r"[A-Za-z_]\w*"


@dataclass
class Module:
    path: tuple[str, ...]
    file: Path
    public: bool
    code: str = ""
    strings: list[tuple[int, str]] = field(default_factory=list)
    children: dict[str, "Module"] = field(default_factory=dict)
    exports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names that this module re-exports, with the path where each is found. `*0`, `*1`… for globs."""

    @property
    def name(self) -> str:
        return "::".join(self.path) or "the crate root"


def lex(text: str) -> tuple[str, list[tuple[int, str]]]:
    """The code with its comments removed and its string literals emptied, and the literals with their line."""
    code, strings, at, line = [], [], 0, 1
    token = re.compile(
        r"//[^\n]*|(?P<block>/\*)|(?P<raw>\b[bc]?r(?P<marks>#*)\")|(?P<string>\b[bc]?\"|\")"
        r"|(?P<char>\bb?'(?:\\.[^']*|[^\\'\n])'|'(?:\\.[^']*|[^\\'\n])')",
        re.S,
    )
    while match := token.search(text, at):
        code.append(text[at : match.start()])
        line += text.count("\n", at, match.start())
        end = match.end()
        if match["block"]:
            depth = 1
            while depth:
                mark = re.compile(r"/\*|\*/").search(text, end)
                if not mark:
                    end = len(text)
                    break
                depth += 1 if mark[0] == "/*" else -1
                end = mark.end()
        elif match["raw"]:
            close = text.index('"' + match["marks"], end)
            strings.append((line, text[end:close]))
            end = close + 1 + len(match["marks"])
            code.append('""')
        elif match["string"]:
            body = re.compile(r'(?:[^"\\]|\\.)*"', re.S).match(text, end)
            strings.append((line, body[0][:-1]))
            end = body.end()
            code.append('""')
        elif match["char"]:
            code.append("' '")
        # The lines stay where they were.
        skipped = text.count("\n", match.start(), end)
        code.append("\n" * skipped)
        line += skipped
        at = end
    code.append(text[at:])
    return "".join(code), strings


def closing(code: str, opened: int) -> int:
    """Where the brace, bracket or parenthesis that opens at `opened` is closed."""
    depth = 0
    for at in range(opened, len(code)):
        if code[at] in "{([":
            depth += 1
        elif code[at] in "})]":
            depth -= 1
            if depth == 0:
                return at
    raise ValueError("a brace is not closed")


def without_tests(code: str) -> tuple[str, list[tuple[int, int]]]:
    """The code without what is compiled for tests only, and the lines that were left out."""
    gone = []
    while match := re.search(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*", code):
        end = re.compile(r"[;{]").search(code, match.end())
        stop = closing(code, end.start()) + 1 if end[0] == "{" else end.end()
        first = 1 + code.count("\n", 0, match.start())
        lines = code.count("\n", match.start(), stop)
        gone.append((first, first + lines))
        code = code[: match.start()] + "\n" * lines + code[stop:]
    return code, gone


def parts(text: str) -> list[str]:
    """The items of a list, split at its outer commas."""
    found, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char in "{([") - (char in "})]")
        if char == "," and depth == 0:
            found.append(text[start:at])
            start = at + 1
    return [part.strip() for part in found + [text[start:]] if part.strip()]


def leaves(tree: str) -> list[tuple[tuple[str, ...], str]]:
    """Every path that a `use` tree names, with the name that it is given."""
    tree = tree.strip()
    if brace := re.search(r"\{", tree):
        before = tuple(part for part in tree[: brace.start()].replace(" ", "").split("::") if part)
        inside = tree[brace.end() : closing(tree, brace.start())]
        return [(before + path, name) for part in parts(inside) for path, name in leaves(part)]
    path, _, name = re.sub(r"\s+", " ", tree).partition(" as ")
    steps = tuple(step.strip() for step in path.split("::") if step.strip())
    if steps[-1:] == ("self",) and len(steps) > 1:
        steps = steps[:-1]
    elif steps == ("self",):
        return [((), name)]
    return [(steps, name.strip() or (steps[-1] if steps else ""))]


USE = re.compile(r"(?P<public>\bpub(?:\s*\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;]+);")
MOD = re.compile(
    rf"(?P<attributes>(?:#\[[^\]]*\]\s*)*)(?P<public>\bpub(?:\([^)]*\))?\s+)?\bmod\s+(?P<name>{IDENTIFIER})\s*;"
)


def load(root: Path) -> Module:
    """The modules of a crate, from its `lib.rs` or `main.rs` down. Modules that are compiled for tests only are left out."""
    top = Module((), root, True)
    _read(top, root.parent)
    _resolve_exports(top, top)
    return top


def _read(module: Module, folder: Path) -> None:
    text = module.file.read_text(encoding="utf-8")
    code, strings = lex(text)
    module.code, gone = without_tests(code)
    module.strings = [(line, text) for line, text in strings if not any(a <= line <= b for a, b in gone)]
    for match in MOD.finditer(module.code):
        name = match["name"]
        for file in (folder / f"{name}.rs", folder / name / "mod.rs"):
            if file.is_file():
                child = Module(module.path + (name,), file, (match["public"] or "").strip() == "pub")
                module.children[name] = child
                _read(child, folder / name)


def absolute(top: Module, module: Module, path: tuple[str, ...]) -> tuple[str, ...] | None:
    """A path from the crate's root; `None` for one into another crate."""
    if path[:1] == ("crate",):
        return path[1:]
    if path[:1] == ("self",):
        return module.path + path[1:]
    if path[:1] == ("super",):
        base = module.path
        while path[:1] == ("super",):
            base, path = base[:-1], path[1:]
        return base + path
    if path and (path[0] in module.children):
        return module.path + path
    return None


def _resolve_exports(top: Module, module: Module) -> None:
    for match in USE.finditer(module.code):
        if not match["public"]:
            continue
        for number, (path, name) in enumerate(leaves(match["tree"])):
            if found := absolute(top, module, path):
                module.exports[f"*{len(module.exports)}" if name == "*" else name] = found
    for child in module.children.values():
        _resolve_exports(top, child)


def descend(top: Module, path: tuple[str, ...]) -> tuple[Module, tuple[str, ...]]:
    """The module that a path leads to, and what is left of the path inside of it."""
    module = top
    for at, step in enumerate(path):
        if step not in module.children:
            return module, path[at:]
        module = module.children[step]
    return module, ()


def defining(top: Module, path: tuple[str, ...], hops: int = 0) -> list[Module]:
    """The modules that what a path names is defined in: re-exports are followed."""
    module, rest = descend(top, path)
    if hops > 8:
        return [module]
    if rest == ("*",):
        globbed = [defining(top, target, hops + 1) for target in module.exports.values()]
        return [module] + [found for group in globbed for found in group]
    if rest and rest[0] in module.exports:
        return defining(top, module.exports[rest[0]] + rest[1:], hops + 1)
    if rest:
        for name, target in module.exports.items():
            if name.startswith("*") and re.search(rf"\b{re.escape(rest[0])}\b", descend(top, target[:-1])[0].code):
                return defining(top, target[:-1] + rest, hops + 1)
    return [module]


def imports(top: Module, module: Module) -> dict[tuple[str, ...], set[str]]:
    """The modules whose items this one names, re-exports of its own aside; with the names."""
    found: dict[tuple[str, ...], set[str]] = {}

    def add(path: tuple[str, ...] | None) -> None:
        if path is None:
            return
        for target in defining(top, path):
            if target.path != module.path:
                found.setdefault(target.path, set()).add(path[-1] if path else "crate")

    def take(match: re.Match[str]) -> str:
        if not match["public"]:
            for path, _ in leaves(match["tree"]):
                add(absolute(top, module, path))
        return "\n" * match[0].count("\n")

    code = USE.sub(take, module.code)
    for match in re.finditer(rf"(?<![\w:])((?:crate|self|super|{IDENTIFIER})(?:\s*::\s*{IDENTIFIER})+)", code):
        path = tuple(re.sub(r"\s", "", match[1]).split("::"))
        add(absolute(top, module, path))
    return found


def everything(module: Module) -> list[Module]:
    """The module and all below it."""
    return [module] + [below for child in module.children.values() for below in everything(child)]
