"""Checks how the crates' modules depend on each other. `scripts/test imports` runs it.

- No import cycle between the modules of a crate, and in keyrot-aws none between its folders.
- In keyrot-core, a module imports only from those above it in the table of layers in `keyrot-core/src/lib.rs`,
  and from the module that defines a name, never through the crate's root.
- `model`, `decide` and `machine` of keyrot-core are pure: no async, no futures, no clock, no I/O, no settings.
- keyrot-core speaks no command lines: report::hint alone has those.

`python3 scripts/lib/imports.py --self-test` checks the check.
"""

import re
import sys
import tempfile
from pathlib import Path

from rust_source import Module, everything, imports, load

CRATES = ("keyrot-core", "keyrot-aws", "keyrot-cli", "keyrot-lambda")
PURE = ("model", "decide", "machine")
IMPURE = {
    r"\basync\b|\.await\b": "async code",
    r"\bfutures(_\w+)?\s*::|\btokio\s*::|\basync_trait\b": "a crate for async code",
    r"\bstd\s*::\s*(?:fs|net|env|process|io|thread)\b": "I/O",
    r"\b(?:Instant|SystemTime|Utc)\s*::\s*now\b": "a clock",
    r"\bcrate\s*::\s*settings\b": "settings",
}
# As in keyrot-cli/src/cli/mod.rs, with the hidden ones.
COMMANDS = (
    "plan|rotate|status|rollback|deliver|revoke|resolve|audit|who-uses|doctor|policy|enroll|move|release|credentials|exec"
    "|init|config|my-key|completion|man|demo|sandbox|help|version|users"
)
COMMAND_LINE = re.compile(rf"\bkeyrot (?:{COMMANDS})\b|\baws [a-z0-9]+ [a-z]+-[a-z-]+")


def cycles(edges: dict[tuple[str, ...], set[tuple[str, ...]]]) -> list[list[tuple[str, ...]]]:
    """The groups of modules that reach each other (Tarjan's strongly connected components of more than one)."""
    order: dict[tuple[str, ...], int] = {}
    low: dict[tuple[str, ...], int] = {}
    stack: list[tuple[str, ...]] = []
    found = []

    def visit(node: tuple[str, ...]) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in edges.get(node, ()):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in edges:
        if node not in order:
            visit(node)
    return found


def layers(top: Module) -> list[str]:
    """The modules of the table in the documentation of the crate's root, bottom to top."""
    rows = re.findall(r"^//! \| (\[`.*?) \|", top.file.read_text(encoding="utf-8"), re.M)
    return [name for row in rows for name in re.findall(r"\[`(\w+)`\]", row)]


def check_layers(top: Module) -> list[str]:
    """What is imported against the order of the layers."""
    order = layers(top)
    wrong = [f"{name} is in no row of the table of layers in {top.file}" for name in top.children if name not in order]
    wrong += [f"{top.file}'s table of layers names {name}, which is no module" for name in order if name not in top.children]
    rank = {name: at for at, name in enumerate(order)}
    for module in everything(top):
        if not module.path or module.path[0] not in rank:
            continue
        for target, names in sorted(imports(top, module).items()):
            if not target:
                wrong.append(f"{module.file}: imports {', '.join(sorted(names))} through the crate root; name its module")
            elif rank.get(target[0], -1) > rank[module.path[0]]:
                wrong.append(
                    f"{module.file}: {module.name} imports {', '.join(sorted(names))} from {'::'.join(target)}, a layer above its own"
                )
    return wrong


def check_purity(top: Module) -> list[str]:
    """What makes the pure layers impure."""
    wrong = []
    for module in everything(top):
        if module.path[:1] and module.path[0] in PURE:
            for pattern, what in IMPURE.items():
                for match in re.finditer(pattern, module.code):
                    line = 1 + module.code.count("\n", 0, match.start())
                    wrong.append(f"{module.file}:{line}: {match[0].strip()}: {what} in a pure layer")
    return wrong


def check_commands(top: Module) -> list[str]:
    """Command lines in texts: a front end words what an operator can do."""
    wrong = []
    for module in everything(top):
        if module.path == ("report", "hint"):
            continue
        for line, text in module.strings:
            if match := COMMAND_LINE.search(text):
                wrong.append(f"{module.file}:{line}: the command line `{match[0]}`; make it a report::hint::Action")
    return wrong


def check_cycles(crate: str, top: Module) -> list[str]:
    """The modules that import each other in a cycle."""
    named = {module.path: imports(top, module) for module in everything(top)}
    # The crate root is not part of a layer: it imports only to re-export and to start.
    edges = {path: {target for target in targets if target} for path, targets in named.items() if path}
    wrong = []
    for group in cycles(edges):
        wrong.append(f"{crate}: these modules import each other in a cycle: {', '.join('::'.join(path) for path in group)}")
        for path in group:
            for target in sorted(edges[path] & set(group)):
                names = ", ".join(sorted(named[path][target]))
                wrong.append(f"    {'::'.join(path)} imports {names} from {'::'.join(target)}")
    return wrong


def check_folders(crate: str, top: Module) -> list[str]:
    """The folders at the top that import from each other in a cycle, even if no two modules do."""
    edges: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for module in everything(top):
        if module.path:
            targets = {target[:1] for target in imports(top, module) if target}
            edges.setdefault(module.path[:1], set()).update(targets - {module.path[:1]})
    return [
        f"{crate}: these folders import from each other in a cycle: {', '.join(name for (name,) in group)}" for group in cycles(edges)
    ]


def check(root: Path) -> list[str]:
    wrong = []
    for crate in CRATES:
        source = root / crate / "src"
        for start in (source / "lib.rs", source / "main.rs"):
            if not start.is_file():
                continue
            top = load(start)
            wrong += check_cycles(crate, top)
            if crate == "keyrot-aws":
                wrong += check_folders(crate, top)
            if crate == "keyrot-core":
                wrong += check_layers(top) + check_purity(top) + check_commands(top)
    return wrong


def self_test() -> None:
    """A crate with one mistake of each kind, and one without any."""
    table = "//! | module | what |\n//! |---|---|\n//! | [`model`] | values |\n//! | [`decide`], [`report`] | above |\n"
    fine = {
        "lib.rs": table + "pub mod decide;\npub mod model;\npub mod report;\npub use model::Key;\n",
        "model.rs": "pub struct Key; // async fn, `keyrot rotate`\nconst TAG: &str = \"keyrot:home\";\n",
        "decide/mod.rs": "mod rule;\npub use rule::Rule;\n#[cfg(test)]\nmod tests { use crate::report::Page; }\n",
        "decide/rule.rs": "use crate::model::Key;\npub struct Rule(Key, char);\nconst QUOTE: char = '\"';\nfn f<'a>(_: &'a str) {}\n",
        "report/mod.rs": "mod hint;\nuse crate::decide::Rule;\npub struct Page(Rule);\n",
        "report/hint.rs": "const HINT: &str = \"keyrot rotate\";\n",
    }
    mistakes = {
        "in a cycle: decide, decide::rule": {
            "decide/mod.rs": "mod rule;\npub use rule::Rule;\npub fn one() { rule::two() }\n",
            "decide/rule.rs": "use super::one;\npub struct Rule;\npub fn two() { one() }\n",
        },
        "from each other in a cycle: decide, model": {
            "model.rs": "pub struct Key;\nuse crate::decide::other::Other;",
            "decide/mod.rs": "mod rule;\nmod other;\npub use rule::Rule;\n",
            "decide/other.rs": "pub struct Other;",
        },
        "a layer above its own": {"decide/rule.rs": "pub struct Rule(crate::report::Page);"},
        "through the crate root": {"decide/rule.rs": "use crate::{model, Missing};\npub struct Rule;"},
        "no row of the table": {"lib.rs": fine["lib.rs"] + "mod extra;\n", "extra.rs": ""},
        "async code in a pure layer": {"model.rs": "pub struct Key;\npub async fn wait() {}"},
        "a crate for async code in a pure layer": {"model.rs": "pub struct Key;\nuse futures_util::StreamExt;"},
        "I/O in a pure layer": {"model.rs": "pub struct Key;\nuse std::fs;"},
        "a clock in a pure layer": {"model.rs": "pub struct Key;\nfn now() { chrono::Utc::now(); }"},
        "the command line `keyrot rotate`": {"model.rs": 'pub struct Key;\nconst HINT: &str = r#"run "keyrot rotate""#;'},
        "the command line `keyrot status`": {"report/mod.rs": "mod hint;\npub struct Page;\nconst A: &str = \"keyrot status\";"},
        "the command line `aws iam delete-access-key`": {"model.rs": 'pub struct Key;\nconst A: &str = "aws iam delete-access-key";'},
    }
    for expected, changed in [(None, {}), *mistakes.items()]:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**fine, **changed}.items():
                file = Path(folder) / name
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
            top = load(Path(folder) / "lib.rs")
            wrong = check_cycles("keyrot-core", top) + check_folders("keyrot-core", top) + check_layers(top) + check_purity(top) + check_commands(top)
        found = "\n".join(wrong)
        if (not wrong) if expected is None else (expected in found):
            continue
        sys.exit(f"self-test: expected {expected or 'nothing'}, found:\n{found or 'nothing'}")


if __name__ == "__main__":
    self_test()
    if "--self-test" in sys.argv[1:]:
        sys.exit(0)
    mistakes = check(Path(__file__).resolve().parents[2])
    for mistake in mistakes:
        print(mistake)
    sys.exit(1 if mistakes else 0)
