"""The words of the code: pronouns as names, private names that mean many things, and words that a reader must decode.

    python scripts/words.py                 what exceeds the budget, and where it stands
    python scripts/words.py load            every place of a package, such as `intacct_bridge/load/plan`
    python scripts/words.py --write         lower the budget to what the code needs now

`scripts/words.toml` holds how many of each are allowed in each package; one that it does not name is at 0 and stays
there. Numbers only fall: `--write` refuses to raise one. When code moves to another package, move its number by hand.

Pronouns and words count by folder (`intacct_bridge/load/plan`), private names by package (`intacct_bridge/load`).
"""

import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUDGET = ROOT / "scripts" / "words.toml"
KINDS = ("pronouns", "private", "texts")
PRONOUNS = re.compile(
    r"_*(ones?|some|another|found|known|kept|given|own|asked|taken|wanted|made|seen|gone|met|said|obj|thing)_*"
)
"""Not names for anything that lives longer than a comprehension: a noun of the domain says what it is.

`item` and `data` are not among them: an item is an object of Intacct, and `data` an element of its answers.
"""
HELPER = 3
"""Statements up to which a private function may share its name with another one of its package."""
WORDS = re.compile(
    r"\b(nobody|somebody|whoever|whatever|all the same|anew|weather|witness(?:es)?|twins?|vanished|put right|"
    r"in any case|so many|such that)\b(?!@)",
    re.IGNORECASE,
)
"""Words for which plain English has a plainer one."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A word that counts, and where it stands."""

    package: str
    kind: str
    file: str
    line: int
    word: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}: {self.word}"


def package_of(path: Path, depth: int = 3) -> str:
    """The budget that a file belongs to: its folder, with `depth` names at most; or the documentation."""
    if path.suffix == ".md":
        return "docs"
    return "/".join(path.parts[path.parts.index("src") + 1 : -1][:depth])


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a file binds, with its line. Those of comprehensions and lambdas are not among them."""
    brief: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.comprehension):
            brief.update(ast.walk(node.target))
        elif isinstance(node, ast.Lambda):
            brief.update(ast.walk(node.args))
        if node in brief:
            continue
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def private_functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The private functions of a module that are more than a helper of a few statements."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_") and not node.name.startswith("__"):
            statements = sum(isinstance(inner, ast.stmt) for inner in ast.walk(node)) - 1
            if statements - (ast.get_docstring(node, clean=False) is not None) > HELPER:
                yield node.lineno, node.name


def places(files: Iterable[Path], root: Path = ROOT) -> list[Place]:
    """Every place that counts."""
    counted: list[Place] = []
    private: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for path in files:
        text = path.read_text(encoding="utf-8")
        package, file = package_of(path), path.relative_to(root).as_posix()
        counted += [
            Place(package, "texts", file, number, word)
            for number, line in enumerate(text.splitlines(), 1)
            for word in WORDS.findall(line)
        ]
        if path.suffix == ".md":
            continue
        tree = ast.parse(text)
        counted += [
            Place(package, "pronouns", file, line, name) for line, name in names(tree) if PRONOUNS.fullmatch(name)
        ]
        package = package_of(path, 2)
        for line, name in private_functions(tree):
            private[package, name].append(Place(package, "private", file, line, name))
    for places_of_name in private.values():
        counted += places_of_name[1:]
    return sorted(counted)


def checked_files(root: Path = ROOT) -> list[Path]:
    """The modules of the three distributions, and the pages for users."""
    return sorted([*root.glob("packages/*/src/**/*.py"), root / "README.md", *root.glob("docs/**/*.md")])


def counts(counted: Iterable[Place]) -> Counter[tuple[str, str]]:
    """How many places each package has of each kind."""
    return Counter((place.package, place.kind) for place in counted)


def budget(path: Path = BUDGET) -> Counter[tuple[str, str]]:
    """How many each package may have of each kind."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return Counter({(package, kind): number for package, kinds in table.items() for kind, number in kinds.items()})


def exceeded(counted: Iterable[Place], allowed: Counter[tuple[str, str]]) -> list[str]:
    """A sentence for each package that has more than it may."""
    return [
        f"{package} has {number} of {kind}, and may have {allowed[package, kind]}: "
        f"see python scripts/words.py {package}"
        for (package, kind), number in sorted(counts(counted).items())
        if number > allowed[package, kind]
    ]


def table(new: Counter[tuple[str, str]]) -> str:
    """The budget file."""
    lines = ["# The words that each package may still have, see scripts/words.py. These numbers only fall."]
    for package in sorted({package for package, _ in new}):
        numbers = ", ".join(f"{kind} = {new[package, kind]}" for kind in KINDS if new[package, kind])
        lines.append(f'"{package}" = {{ {numbers} }}')
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """List places, or check or lower the budget."""
    counted = places(checked_files())
    if arguments and arguments != ["--write"]:
        print(*(place for place in counted if arguments[0] in place.file or arguments[0] == place.package), sep="\n")
        return 0
    if problems := exceeded(counted, budget()):
        print(*problems, sep="\n")
        return 1
    if arguments:
        BUDGET.write_text(table(counts(counted)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
