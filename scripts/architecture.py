"""The picture of the architecture, and the map of the source: one line a package.

Both are made from `tests/layers.txt`, `tests/test_layers.py` and the docstrings. `layers.txt` gives the packages, their
order and their modules; the first sentence of a docstring says what each is. The picture is an SVG with its text as
text, in the colours of the reader's light or dark mode, and loads nothing.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "intacct_bridge"
LAYERS = ROOT / "tests" / "layers.txt"
RULES = ROOT / "tests" / "test_layers.py"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
BESIDE = "emulator"
"""The layer that stands beside others, on the layers that `EMULATOR_STANDS_ON` names."""
HALVES = {"READS": "reads", "WRITES": "writes"}
"""Groups inside `flow` that do not import each other, and what the picture calls them."""

WIDTH, LEFT, GAP, EDGE = 860, 470, 84, 16
PADDING, CHIP, BETWEEN, LINE = 14, 26, 6, 18
MONO, SANS = 7.3, 6.9
"""Widths of a character, in the widest of the fonts that a reader may have."""
_LEGEND = "Imports go down only. Filled: a package. Outlined: a module."
_STYLE = """
    svg { color-scheme: light dark; }
    .paper { fill: #ffffff; } .band { fill: #f4f6f9; stroke: #c9d1db; } .tower { fill: #f3f0fa; stroke: #cbc1e6; }
    .package { fill: #dce9fb; stroke: #9dbde8; } .module { fill: none; stroke: #b4bfcc; }
    .tower-package { fill: #e4dbf7; stroke: #b9a5e2; } .outside { fill: #fdf3dc; stroke: #dfc27d; }
    .name { fill: #16202c; font-weight: 600; font-size: 16px; } .text { fill: #44505e; font-size: 12.5px; }
    .chip { fill: #16202c; font-size: 12px; } .arrow { stroke: #7a8694; fill: none; } .head { fill: #7a8694; }
    text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
    .chip, .name { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0f141a; } .band { fill: #19212a; stroke: #384452; } .tower { fill: #211d31; stroke: #4a4168; }
      .package { fill: #1f3a5c; stroke: #3d6aa0; } .module { stroke: #4d5a69; }
      .tower-package { fill: #3a2f5c; stroke: #66559a; } .outside { fill: #3a3118; stroke: #7d6a35; }
      .name, .chip { fill: #e8edf3; } .text { fill: #b3bfcc; } .arrow { stroke: #8996a5; } .head { fill: #8996a5; }
    }
"""


@dataclass(frozen=True, slots=True)
class Package:
    """A package, or a module that stands in a layer without a package of its own."""

    name: str
    """Dotted, without `intacct_bridge.`."""
    modules: tuple[str, ...] = ()

    @property
    def layer(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    @property
    def stage(self) -> str:
        """The second part of the name: the folder inside the layer."""
        return self.name.split(".")[1]

    @property
    def caption(self) -> str:
        """The name inside the layer; a folder inside a stage begins with a dot, for it follows its stage."""
        return self.name.removeprefix(f"{self.layer}.").removeprefix(self.stage) or self.stage

    @property
    def about(self) -> str:
        """What its docstring says in the first sentence."""
        return first_sentence(docstring(self.name))


@dataclass(slots=True)
class Layer:
    """A layer of the picture, with what is in it in the order of imports, lowest first."""

    name: str
    packages: list[Package] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)


def layers() -> dict[str, Layer]:
    """The layers by name, lowest first. Modules without a package that follow each other share a layer."""
    found: dict[str, Layer] = {}
    alone: list[str] = []
    for line in [*LAYERS.read_text("utf-8").splitlines(), "end:"]:
        name, colon, modules = line.partition("#")[0].strip().partition(":")
        if name and not colon:
            alone.append(name)
        if not colon:
            continue
        if alone:
            title = next((one for one in alone if one in rule("EMULATOR_STANDS_ON")), alone[0])
            found[title] = Layer(title, modules=alone)
            alone = []
        if not modules:
            break
        package = Package(name, tuple(modules.split()))
        layer = found.setdefault(package.layer, Layer(package.layer))
        if name == package.layer:
            layer.modules += package.modules
        else:
            layer.packages.append(package)
    return found


def docstring(name: str) -> str:
    """The docstring of a package or of a module."""
    path = SOURCE.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, on one line."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    sentence, dot, _ = paragraph.partition(". ")
    return sentence + dot.strip() if dot else paragraph


def rule(name: str) -> tuple[str, ...]:
    """A list of names that the test of imports holds, so that the picture cannot say anything else."""
    for node in ast.parse(RULES.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == name for one in node.targets):
            value: tuple[str, ...] = ast.literal_eval(node.value)
            return value
    raise KeyError(f"{RULES.name} has no list {name}")


def contributing() -> str:
    """CONTRIBUTING.md with its map: one line a package, the highest layer first."""
    before, _, rest = CONTRIBUTING.read_text("utf-8").partition("<!-- map -->\n")
    _, _, after = rest.partition("<!-- end of map -->\n")
    lines = ["| where | what |", "|---|---|"]
    for layer in reversed(layers().values()):
        alone = [name for name in layer.modules if (SOURCE / f"{name}.py").is_file()]
        named = [*alone] if alone else [layer.name, *(one.name for one in _by_stage(layer.packages))]
        lines += [f"| `{name.replace('.', '/')}` | {first_sentence(docstring(name))} |" for name in named]
    table = "\n".join(lines)
    return f"{before}<!-- map -->\n{table}\n<!-- end of map -->\n{after}"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture with its text, placed from its own upper left corner."""

    parts: tuple[str, ...]
    height: float


def picture() -> str:
    """The whole SVG."""
    known = layers()
    below = [known.pop(name) for name in rule("EMULATOR_STANDS_ON") if name in known]
    tower = known.pop(BESIDE)
    names = list(known)
    helpers = [known.pop(name) for name in names if not known[name].packages and not (SOURCE / name).is_dir()]
    tower_x, tower_width = EDGE + LEFT + GAP, WIDTH - 2 * EDGE - LEFT - GAP
    top = EDGE + 44.0
    parts = [
        _text("People, schedulers, Singer pipelines, your programs", EDGE + LEFT / 2, EDGE + 16, "text", middle=True),
        _arrow(EDGE + LEFT / 2, EDGE + 22, top - 4),
        _text("Your tests, clients in any language", tower_x + tower_width / 2, EDGE + 16, "text", middle=True),
        _arrow(tower_x + tower_width / 2, EDGE + 22, top - 4),
    ]
    y, side_y = top, top
    for layer in helpers:
        box = _helper(layer, tower_width)
        parts.append(_at(tower_x, side_y, box))
        side_y += box.height + BETWEEN
    bands = [(layer, _band(layer, LEFT).height) for layer in reversed(known.values())]
    tall = side_y + _tower(tower, tower_width).height + BETWEEN
    bottom = max(top + sum(height + BETWEEN for _, height in bands), tall)
    for number, (layer, height) in enumerate(bands, 1):
        box = _band(layer, LEFT, height if number < len(bands) else bottom - BETWEEN - y)
        parts.append(_at(EDGE, y, box))
        y += box.height + BETWEEN
    parts.append(_at(tower_x, side_y, _tower(tower, tower_width, bottom - BETWEEN - side_y)))
    parts += _outside(EDGE + LEFT, bottom - BETWEEN - bands[-1][1] / 2)
    y = bottom
    for layer in reversed(below):
        box = _band(layer, WIDTH - 2 * EDGE)
        parts.append(_at(EDGE, y, box))
        y += box.height + BETWEEN
    parts.append(_text(_LEGEND, EDGE + 2, y + 12, "text"))
    return _document(parts, round(y + EDGE + 8))


def _document(parts: Iterable[str], height: int) -> str:
    about = "Layers from top to bottom; imports only go down. The emulator stands beside client, flow and edge."
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return "\n".join(
        [
            "<!-- Drawn by scripts/architecture.py from tests/layers.txt and the packages' docstrings. -->",
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title about">',
            '<title id="title">The architecture of Intacct Bridge</title>',
            f'<desc id="about">{about}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _band(layer: Layer, width: float, height: float = 0) -> Box:
    """A layer: its name, what it is, its packages, and the modules beside them."""
    parts, y = _head(layer.name, first_sentence(docstring(layer.name)), width)
    groups = _groups(layer)
    indent = 58 if len(groups) > 1 else 0
    for title, packages in groups:
        if indent:
            parts.append(_text(title, PADDING, y + 17, "text"))
        chips = [(one.caption, one.about, "package") for one in _by_stage(packages)]
        if (title, packages) == groups[-1]:
            chips += [(name.rpartition(".")[2], _module_about(layer, name), "module") for name in layer.modules]
        drawn, y = _chips(chips, PADDING + indent, y, width - PADDING)
        parts += drawn
    return _framed(parts, width, max(height, y + PADDING - BETWEEN), "band")


def _by_stage(packages: Sequence[Package]) -> list[Package]:
    """In the same order, with the folders of a stage behind it."""
    stages = list(dict.fromkeys(one.stage for one in packages if one.name.count(".") == 1))
    return sorted(packages, key=lambda one: (stages.index(one.stage), one.name.count(".")))


def _module_about(layer: Layer, name: str) -> str:
    alone = (SOURCE / f"{name}.py").is_file()
    return first_sentence(docstring(name if alone else f"{layer.name}.{name}"))


def _groups(layer: Layer) -> list[tuple[str, list[Package]]]:
    """The packages of a layer by the halves that do not import each other; what belongs to neither comes last."""
    halves = {name: rule(name) for name in HALVES}
    grouped: list[tuple[str, list[Package]]] = []
    rest = list(layer.packages)
    for name, prefixes in halves.items():
        inside = [one for one in rest if f"{one.name}.".startswith(prefixes)]
        rest = [one for one in rest if one not in inside]
        if inside:
            grouped.append((HALVES[name], inside))
    return [*grouped, ("proof", rest)] if grouped else [("", rest)]


def _helper(layer: Layer, width: float) -> Box:
    """Modules that stand in no layer: what programs import in their tests."""
    chips = [(name, first_sentence(docstring(name)), "module") for name in layer.modules]
    drawn, y = _chips(chips, PADDING, PADDING - 2, width - PADDING)
    return _framed(drawn, width, y + PADDING - BETWEEN, "tower")


def _tower(layer: Layer, width: float, height: float = 0) -> Box:
    """The layer that stands beside the others, its highest package on top."""
    parts, y = _head(layer.name, first_sentence(docstring(layer.name)), width)
    chips = [(one.caption, one.about, "tower-package") for one in _by_stage(layer.packages[::-1])]
    chips += [(name.rpartition(".")[2], _module_about(layer, name), "module") for name in layer.modules]
    drawn, y = _chips(chips, PADDING, y, width - PADDING)
    return _framed([*parts, *drawn], width, max(height, y + PADDING - BETWEEN), "tower")


def _outside(x: float, y: float) -> list[str]:
    """Between client and emulator: the wire between them, and the real gateway that can stand in its place."""
    middle, top = x + GAP / 2, y - 118
    return [
        f'<rect class="outside" x="{x + 8}" y="{top}" width="{GAP - 16}" height="44" rx="6"/>',
        _text("Sage", middle, top + 19, "text", middle=True),
        _text("Intacct", middle, top + 35, "text", middle=True),
        _arrow(middle, y, top + 48),
        f'<path class="arrow" d="M{x + 2} {y} H{x + GAP - 8}"/>',
        f'<path class="head" d="M{x + GAP - 9} {y - 4} l7 4 l-7 4 z"/>',
        _text("XML over", middle, y + 18, "text", middle=True),
        _text("HTTP(S)", middle, y + 33, "text", middle=True),
    ]


def _head(name: str, about: str, width: float) -> tuple[list[str], float]:
    parts, y = [_text(name, PADDING, 26, "name")], 32.0
    for line in _wrapped(about, width - 2 * PADDING):
        y += LINE - 2
        parts.append(_text(line, PADDING, y, "text"))
    return parts, y + 12


def _wrapped(text: str, width: float) -> Iterator[str]:
    line = ""
    for word in text.replace("`", "").split():
        if line and len(f"{line} {word}") * SANS > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line


def _chips(chips: Sequence[tuple[str, str, str]], left: float, y: float, right: float) -> tuple[list[str], float]:
    """Small boxes in rows, each with its name inside and its sentence on hovering; and the height below them.

    A chip that begins with a dot belongs to the one before it: they share a row, or its rows are indented.
    """
    widths = [round(len(name) * MONO + 16, 1) for name, _, _ in chips]
    parts, x, indented = [], left, False
    for number, ((name, about, kind), width) in enumerate(zip(chips, widths, strict=True)):
        member = name.startswith(".")
        family = takewhile(lambda at: chips[at][0].startswith("."), range(number + 1, len(chips)))
        needed = width if member else width + sum(widths[at] + BETWEEN for at in family)
        if x > left and (x + needed > right or (indented and not member)):
            indented = member
            x, y = left + (CHIP if member else 0), y + CHIP + BETWEEN
        parts.append(
            f"<g><title>{escape(about)}</title>"
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{CHIP}" rx="5"/>'
            f"{_text(name, x + width / 2, y + 17, 'chip', middle=True)}</g>"
        )
        x = round(x + width + BETWEEN, 1)
    return parts, y + CHIP + BETWEEN


def _framed(parts: Sequence[str], width: float, height: float, kind: str) -> Box:
    frame = f'<rect class="{kind}" width="{width:g}" height="{height:g}" rx="8"/>'
    return Box((frame, *parts), height)


def _at(x: float, y: float, box: Box) -> str:
    return "\n".join([f'<g transform="translate({x:g} {y:g})">', *box.parts, "</g>"])


def _text(text: str, x: float, y: float, kind: str, *, middle: bool = False) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}"{anchor}>{escape(text)}</text>'


def _arrow(x: float, start: float, end: float) -> str:
    step = 7 if end > start else -7
    return (
        f'<path class="arrow" d="M{x:g} {start:g} V{end - step:g}"/>'
        f'<path class="head" d="M{x - 4:g} {end - step:g} h8 l-4 {step} z"/>'
    )
