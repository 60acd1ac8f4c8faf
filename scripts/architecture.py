"""The picture of the architecture: the three distributions with their packages.

The packages and their order come from `tests/test_layers.py`. The picture is an SVG with its text as text, in the
colours of the reader's light or dark mode, and loads nothing.
"""

import ast
from collections.abc import Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
RULES = ROOT / "tests" / "test_layers.py"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
ABOUT = {
    "intacct_bridge": "the connector: extract, load, watch, reconcile",
    "intacct_emulator": "a company behind Intacct's own interface",
    "intacct_protocol": "what both sides speak; no socket, no clock",
}
WIDTH, GAP, PADDING, HEAD, CHIP, BETWEEN, MONO = 860, 36, 14, 52, 26, 6, 7.3
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


def packages() -> dict[str, list[str]]:
    """The packages of each distribution, lowest first."""
    for node in ast.parse(RULES.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "PACKAGES":
            orders: dict[str, str] = ast.literal_eval(node.value)
            return {name: order.split() for name, order in orders.items()}
    raise ValueError(f"no PACKAGES in {RULES}")


def picture() -> str:
    """The SVG: the connector and the emulator side by side, both on the protocol."""
    orders = packages()
    half = (WIDTH - GAP) // 2
    upper = max(_height(orders[name], half) for name in ("intacct_bridge", "intacct_emulator"))
    lower = _height(orders["intacct_protocol"], WIDTH)
    boxes = [
        _box("intacct_bridge", orders, (0, 0, half, upper), "band", "package"),
        _box("intacct_emulator", orders, (half + GAP, 0, half, upper), "tower", "tower-package"),
        _box("intacct_protocol", orders, (0, upper + GAP, WIDTH, lower), "band", "package"),
    ]
    arrows = "".join(
        f'<path class="arrow" d="M{x} {upper} v{GAP - 7}"/>'
        f'<path class="head" d="M{x - 5} {upper + GAP - 8} h10 l-5 8 z"/>'
        for x in (half // 2, half + GAP + half // 2)
    )
    height = upper + GAP + lower
    legend = "The packages of each distribution, the highest first. Imports go down only."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -8 {WIDTH + 16} {height + 44}" role="img">'
        f"<title>The three distributions and their packages</title><style>{_STYLE}</style>"
        f'<rect class="paper" x="-8" y="-8" width="{WIDTH + 16}" height="{height + 44}"/>'
        f'{"".join(boxes)}{arrows}<text class="text" x="0" y="{height + 24}">{legend}</text></svg>\n'
    )


def _rows(order: Sequence[str], width: int) -> list[list[str]]:
    """The packages in rows, the highest first, each as wide as its name."""
    rows: list[list[str]] = [[]]
    for name in reversed(order):
        if rows[-1] and sum(_wide(chip) for chip in [*rows[-1], name]) > width - 2 * PADDING:
            rows.append([])
        rows[-1].append(name)
    return rows


def _wide(name: str) -> float:
    return len(name) * MONO + 16 + BETWEEN


def _height(order: Sequence[str], width: int) -> int:
    return HEAD + len(_rows(order, width)) * (CHIP + BETWEEN) + PADDING - BETWEEN


def _box(name: str, orders: dict[str, list[str]], place: tuple[int, int, int, int], frame: str, chip: str) -> str:
    x, y, width, height = place
    parts = [
        f'<rect class="{frame}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>',
        f'<text class="name" x="{x + PADDING}" y="{y + 24}">{name.replace("_", "-")}</text>',
        f'<text class="text" x="{x + PADDING}" y="{y + 42}">{escape(ABOUT[name])}</text>',
    ]
    for number, row in enumerate(_rows(orders[name], width)):
        left, top = float(x + PADDING), y + HEAD + number * (CHIP + BETWEEN)
        for package in row:
            wide = _wide(package) - BETWEEN
            parts.append(
                f'<rect class="{chip}" x="{left:.0f}" y="{top}" width="{wide:.0f}" height="{CHIP}" rx="5"/>'
                f'<text class="chip" x="{left + 8:.0f}" y="{top + 17}">{package}</text>'
            )
            left += wide + BETWEEN
    return f"<g>{''.join(parts)}</g>"
