"""Mutants of a module: small changes to its code, each of which some test should notice.

A mutant changes one place: a comparison, an operator, a number, a name in a text, a condition, a statement. Texts for
people are left out, since no test should depend on their wording: f-strings, texts with a space, and the arguments of
errors and findings. What cannot be changed while the program runs is left out too: signatures, decorators, defaults,
and names that other modules derive something from when they are imported.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from support.repository import DISTRIBUTIONS

_LONGEST = 120
Change = Callable[[ast.AST], ast.AST | None]
"""What takes the place of a node; None removes a statement."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one module."""

    module: str
    function: str
    """The qualified name of the outermost function; empty for a value of the module."""
    change: str
    """The code before and after."""
    line: int
    place: int
    """The place in the order of all mutants of the module."""

    @property
    def name(self) -> str:
        """The name that stays the same when other lines of the module change."""
        return f"{self.module}:{self.function or '(module)'}: {self.change}"


def path_of(module: str) -> Path:
    """The file of a module."""
    package, *rest = module.split(".")
    (source,) = (folder for folder in DISTRIBUTIONS if folder.name == package)
    return source.joinpath(*rest).with_suffix(".py")


def mutants_of(module: str) -> list[Mutant]:
    """All mutants of a module, in the order of its code."""
    seen: Counter[str] = Counter()
    found = []
    for place, (site, _) in enumerate(_changes(_tree(module))):
        before, after = site.texts
        change = f"{before} -> {after}"
        seen[site.function + change] += 1
        number = seen[site.function + change]
        label = change if number == 1 else f"{change} ({number})"
        found.append(Mutant(module, site.function, label, site.node.lineno, place))
    return found


def functions_of(module: str) -> list[str]:
    """The functions of a module, and the methods of its classes."""
    found = []
    for statement in _tree(module).body:
        if isinstance(statement, ast.FunctionDef):
            found.append(statement.name)
        elif isinstance(statement, ast.ClassDef):
            members = (one for one in statement.body if isinstance(one, ast.FunctionDef))
            found += [f"{statement.name}.{one.name}" for one in members]
    return found


def statement_lines(module: str) -> list[int]:
    """The first lines of all statements, in order."""
    return sorted({one.lineno for one in ast.walk(_tree(module)) if isinstance(one, ast.stmt)})


def mutated(mutant: Mutant) -> ast.Module:
    """The module's tree with the change in it."""
    tree = _tree(mutant.module)
    for place, (_, apply) in enumerate(_changes(tree)):
        if place == mutant.place:
            apply()
            return ast.fix_missing_locations(tree)
    raise LookupError(mutant.name)


def _tree(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


# --- the places that can be changed


@dataclass(frozen=True, slots=True)
class _Site:
    function: str
    node: ast.expr | ast.stmt
    texts: tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a node hangs in the tree."""

    parent: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST | None) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = ast.Pass() if node is None else node


def _changes(tree: ast.Module) -> Iterator[tuple[_Site, Callable[[], None]]]:
    """Every change, with the function that makes it."""
    for function, slot, node in _places(tree):
        for shown, made in _variants(node):
            before = ast.unparse(shown)
            after = "(nothing)" if made is None else ast.unparse(made)
            texts = (_short(before), _short(after))
            yield _Site(function, node, texts), _putting(slot, made)


def _putting(slot: _Slot, made: ast.AST | None) -> Callable[[], None]:
    return lambda: slot.put(made)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _places(tree: ast.Module) -> Iterator[tuple[str, _Slot, ast.expr | ast.stmt]]:
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef):
            yield from _in_function(statement, statement.name)
        elif isinstance(statement, ast.ClassDef):
            for member in statement.body:
                if isinstance(member, ast.FunctionDef):
                    yield from _in_function(member, f"{statement.name}.{member.name}")
        elif isinstance(statement, ast.Assign) and _is_plain_value(statement.value):
            yield from _under(statement, "value", "")


def _is_plain_value(value: ast.expr) -> bool:
    """Whether a value of a module can be made again: no type, no expression of text, nothing that is registered."""
    parts = list(ast.walk(value))
    if any(isinstance(one, ast.Subscript | ast.BitOr) for one in parts):
        return False  # a type
    calls = [one for one in parts if isinstance(one, ast.Call)]
    return all(isinstance(one.func, ast.Name) and one.func.id in ("timedelta", "Decimal", "frozenset") for one in calls)


def _in_function(function: ast.FunctionDef, name: str) -> Iterator[tuple[str, _Slot, ast.expr | ast.stmt]]:
    for index, statement in enumerate(function.body):
        if index == 0 and _is_docstring(statement):
            continue
        slot = _Slot(function, "body", index)
        yield name, slot, statement
        yield from _children(statement, name)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


_NOT_INSIDE = (ast.JoinedStr, ast.arguments, ast.Raise, ast.Assert, ast.Import, ast.ImportFrom)
_REPORTS = ("Finding", "UndoRefusal", "_finding", "_refuse", "Readback", "RecordDifference", "counted", "listed")
"""The calls whose texts are for people; what decides on them is changed, what they say is not."""


def _children(node: ast.AST, name: str) -> Iterator[tuple[str, _Slot, ast.expr | ast.stmt]]:
    if isinstance(node, _NOT_INSIDE) or (isinstance(node, ast.Call) and _called(node).endswith(("Error", *_REPORTS))):
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # of `zip`, where a difference in length would be an error of ours
    for field in node._fields:
        if field in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        yield from _under(node, field, name)


def _under(node: ast.AST, field: str, name: str) -> Iterator[tuple[str, _Slot, ast.expr | ast.stmt]]:
    value = getattr(node, field, None)
    members = enumerate(value) if isinstance(value, list) else [(None, value)]
    for index, one in members:
        if isinstance(one, ast.expr | ast.stmt):
            yield name, _Slot(node, field, index), one
        if isinstance(one, ast.AST):
            yield from _children(one, name)


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


# --- the changes

_Variant = tuple[ast.AST, ast.AST | None]
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Div: ast.Mult,
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_DROPPED = ("strip", "casefold", "upper", "lower", "copy_abs", "lstrip", "rstrip", "astimezone")
"""Methods whose result may as well be forgotten: the value itself takes its place."""


def _variants(node: ast.AST) -> Iterator[_Variant]:
    """Every change of one node, with the code that shows it."""
    for kind, vary in _VARIANTS:
        if isinstance(node, kind):
            for made in vary(node):
                yield (node, made)


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        changed = copy.deepcopy(node)
        changed.ops[index] = _COMPARISONS[type(operator)]()
        yield changed


def _bool(node: ast.BoolOp) -> Iterator[ast.AST]:
    changed = copy.deepcopy(node)
    changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield changed
    for index in range(len(node.values)):
        left = [copy.deepcopy(one) for at, one in enumerate(node.values) if at != index]
        yield left[0] if len(left) == 1 else ast.BoolOp(copy.deepcopy(node.op), left)


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield copy.deepcopy(node.operand)


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    other = _OPERATORS.get(type(node.op))
    if other is not None and not (isinstance(node.op, ast.Add) and _is_text(node.left, node.right)):
        changed = copy.deepcopy(node)
        changed.op = other()
        yield changed


def _is_text(*nodes: ast.expr) -> bool:
    return any(isinstance(one, ast.JoinedStr) or (isinstance(one, ast.Constant) and isinstance(one.value, str))
               for one in nodes)  # fmt: skip


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and value and " " not in value:
        yield ast.Constant(f"{value}X")


def _call(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Name) and node.func.id in _NAMES:
        changed = copy.deepcopy(node)
        changed.func = ast.Name(_NAMES[node.func.id], ast.Load())
        yield changed
    elif isinstance(node.func, ast.Attribute) and node.func.attr in _DROPPED:
        yield copy.deepcopy(node.func.value)


def _choice(node: ast.IfExp) -> Iterator[ast.AST]:
    yield copy.deepcopy(node.body)
    yield copy.deepcopy(node.orelse)


def _selection(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Iterator[ast.AST]:
    for at, generator in enumerate(node.generators):
        for index in range(len(generator.ifs)):
            changed = copy.deepcopy(node)
            del changed.generators[at].ifs[index]
            yield changed


def _condition(node: ast.If) -> Iterator[ast.AST]:
    for value in (True, False):
        changed = copy.deepcopy(node)
        changed.test = ast.BoolOp(ast.Or() if value else ast.And(), [node.test, ast.Constant(value)])
        yield changed


def _statement(node: ast.stmt) -> Iterator[ast.AST | None]:
    calls = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Yield | ast.YieldFrom)
    if calls or isinstance(node, ast.Raise | ast.Continue):
        yield None
    elif isinstance(node, ast.AugAssign):
        yield ast.Assign([copy.deepcopy(node.target)], copy.deepcopy(node.value), lineno=node.lineno)
        yield None
    elif isinstance(node, ast.Return) and node.value is not None and not _is_nothing(node.value):
        yield ast.Return(ast.Constant(None))


def _is_nothing(value: ast.expr) -> bool:
    """Whether None in its place is as false, and only the type checker would notice."""
    empty = isinstance(value, ast.Tuple | ast.List) and not value.elts
    return empty or (isinstance(value, ast.Constant) and not value.value)


_VARIANTS: tuple[tuple[type | tuple[type, ...], Callable[..., Iterator[ast.AST | None]]], ...] = (
    (ast.Compare, _compare),
    (ast.BoolOp, _bool),
    (ast.UnaryOp, _unary),
    (ast.BinOp, _binary),
    (ast.Constant, _constant),
    (ast.Call, _call),
    (ast.IfExp, _choice),
    ((ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), _selection),
    (ast.If, _condition),
    (ast.stmt, _statement),
)
