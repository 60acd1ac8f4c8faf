"""The recorded terminal session of the documentation: a real run of `intacct demo`, drawn as an SVG.

The demo runs in an empty folder of its own, on a pseudo terminal, so that it prints what a person sees. The picture
uses the fonts that the reader has, loads nothing, and keeps its text as text.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
COLUMNS = 112
_CHARACTER = 12.2
"""The width of a character in the picture."""
_THEME = TerminalTheme(
    (22, 27, 34),
    (214, 221, 229),
    [
        *((72, 79, 88), (255, 123, 114), (126, 211, 133), (227, 179, 65)),
        *((121, 168, 255), (210, 168, 255), (118, 215, 232), (214, 221, 229)),
    ],
)
_FORMAT = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<!-- Recorded by scripts/record_demo.py. -->
<title>A run of intacct demo</title>
<style>
  .{unique_id}-matrix {{
    font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
  }}
  .{unique_id}-title {{ font-size: 18px; font-family: system-ui, -apple-system, "Segoe UI", Arial, sans-serif; }}
  {styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run(folder: Path) -> str:
    """What `intacct demo` prints on a terminal in that folder, without the progress bars of standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INTACCT_")}
    environment |= {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "HOME": str(folder)}
    environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment.get("PATH", "")))
    (out, out_end), (err, err_end) = os.openpty(), os.openpty()
    command = [str(Path(sys.executable).parent / "intacct"), "demo"]
    with (
        subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out_end, stderr=err_end
        ) as process,
        ThreadPoolExecutor(2) as threads,
    ):
        os.close(out_end)
        os.close(err_end)
        printed, bars = threads.map(_read, (out, err))
    if process.returncode:
        raise SystemExit(bars)
    return printed


def _read(terminal: int) -> str:
    """Everything that a program writes to a terminal, until it closes it."""
    read = bytearray()
    with open(terminal, "rb", buffering=0) as end, suppress(OSError):  # Linux reports the closing as an error
        while piece := end.read(65536):
            read += piece
    return read.decode().replace("\r\n", "\n")


def picture(printed: str) -> str:
    """The session as an SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "green"), ("make demo", "bold")))
    session = Text.from_ansi(printed.rstrip("\n"))
    session.highlight_regex(r"(?m)^ +✗", "red")
    console.print(session)
    drawn = console.export_svg(title="make demo", theme=_THEME, code_format=_FORMAT, unique_id="demo")
    if re.search(r"@font-face|url\(['\"]?https?:", drawn):
        raise SystemExit("the picture would load a font")
    drawn = re.sub(r"<text [^>]*>\s*</text>", "", drawn)
    drawn = re.sub(r'x="([\d.]+)"( y="[^"]*") textLength="([\d.]+)"([^>]*>)((?:&#160;)+)', _indented, drawn)
    return "\n".join(filter(None, map(str.strip, drawn.replace("</text><", "</text>\n<").splitlines()))) + "\n"


def _indented(found: re.Match[str]) -> str:
    """A text that began with spaces, placed behind them: not every viewer keeps such spaces."""
    shift = found[5].count(";") * _CHARACTER
    length = float(found[3]) - shift
    return f'x="{float(found[1]) + shift:g}"{found[2]} textLength="{length:g}"{found[4]}'


def main() -> None:
    """Run the demo and write the picture."""
    with tempfile.TemporaryDirectory(prefix="intacct-demo-") as folder:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(picture(run(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main()
