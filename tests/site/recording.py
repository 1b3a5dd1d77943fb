"""`python -m tests.site.recording`: records `asyncevents demo` as a picture that moves.

The demo runs in a terminal of its own. What it shows is read a few times a second, and becomes
docs/demo.svg: one group for each moment, of lines that many moments share. It needs no script.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

import pyte
from attrs import evolve, frozen

_ROOT: Final = Path(__file__).resolve().parents[2]
RECORDING: Final = _ROOT / "docs" / "demo.svg"
_COMMAND: Final = ("demo", "--events", "24", "--rate", "6", "--exit")
_COLUMNS: Final = 100
_LINES: Final = 21
_EVERY: Final = 0.2
"""Seconds between two looks at the screen."""
_LONGEST: Final = 120.0
_LAST: Final = 4.0
"""Seconds for which the end is shown, before it begins anew."""
_WIDTH: Final = 8.4
_HEIGHT: Final = 18
_MARGIN: Final = 16
_COLOURS: Final = {
    "default": "#d4d4d8",
    "black": "#52525b",
    "red": "#f87171",
    "green": "#4ade80",
    "brown": "#facc15",
    "yellow": "#facc15",
    "blue": "#60a5fa",
    "magenta": "#c084fc",
    "cyan": "#22d3ee",
    "white": "#f4f4f5",
}
_DIM: Final = "#9f9fa9"
_FAINT: Final = 2
_FAINT_AS: Final = 90
"""What a terminal is told for faint text, and for bright black."""


@frozen
class Piece:
    """Characters of one look, from a column on."""

    column: int
    text: str
    colour: str
    bold: bool


Line = tuple[Piece, ...]


@frozen
class Moment:
    """What is on the screen from a time on, in seconds."""

    at: float
    lines: tuple[Line, ...]


class _Screen(pyte.Screen):
    """A screen that knows faint text, too, which pyte passes over: as a colour of its own."""

    def select_graphic_rendition(self, *attrs: int) -> None:
        plain = not {38, 48} & set(attrs)
        super().select_graphic_rendition(
            *(_FAINT_AS if one == _FAINT and plain else one for one in attrs)
        )


def record(command: Sequence[str]) -> list[Moment]:
    """Run a command in a terminal, and return what it showed, and when.

    Raises `RuntimeError` if it fails, `TimeoutError` if it does not end.
    """
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLUMNS": str(_COLUMNS),
        "LINES": str(_LINES),
        "FORCE_COLOR": "1",
    }
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    try:
        moments = list(_moments(ours))
        if process.wait(timeout=_LONGEST):
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    # It begins when there is something to see.
    early = moments[0].at
    return [evolve(one, at=one.at - early) for one in moments]


def _moments(terminal: int) -> Iterator[Moment]:
    """Yield what is on the screen whenever it has changed, and at last."""
    screen = _Screen(_COLUMNS, _LINES)
    stream = pyte.ByteStream(screen)
    shown = screen.display
    started = looked = time.monotonic()
    while _fed(stream, terminal):
        now = time.monotonic()
        if now - started > _LONGEST:
            raise TimeoutError(f"it did not end within {_LONGEST:g} seconds")
        if now - looked >= _EVERY and screen.display != shown:
            looked, shown = now, screen.display
            yield Moment(now - started, _lines_of(screen))
    yield Moment(time.monotonic() - started, _lines_of(screen))


def _fed(stream: pyte.ByteStream, terminal: int) -> bool:
    """Read what the terminal has, for a moment at most; False: its other end is closed."""
    ready, _, _ = select.select([terminal], [], [], _EVERY)
    try:
        text = os.read(terminal, 65536) if ready else b""
    except OSError:
        return False
    stream.feed(text)
    return bool(text) or not ready


def _lines_of(screen: pyte.Screen) -> tuple[Line, ...]:
    return tuple(_line_of([screen.buffer[row][column] for column in range(_COLUMNS)])
                 for row in range(_LINES))  # fmt: skip


def _line_of(characters: Sequence[pyte.screens.Char]) -> Line:
    """Return the pieces of a line, blanks at its end left out."""
    pieces = []
    looks = groupby(enumerate(characters), lambda one: (_colour(one[1].fg), one[1].bold))
    for (colour, bold), group in looks:
        places = list(group)
        text = "".join(character.data for _, character in places)
        if text.strip():
            blank = len(text) - len(text.lstrip())
            pieces.append(Piece(places[0][0] + blank, text.strip(), colour, bold))
    return tuple(pieces)


def _colour(name: str) -> str:
    if name == "brightblack":
        return _DIM
    return _COLOURS.get(name.removeprefix("bright"), _COLOURS["default"])


def drawn(moments: Sequence[Moment], title: str) -> str:
    """Return the moments as an SVG that shows one after the other, and begins anew at its end.

    Where people want no motion, it shows the last moment.
    """
    whole = moments[-1].at + _LAST
    numbers = {line: number for number, line in enumerate(_distinct(moments))}
    width = round(_COLUMNS * _WIDTH + 2 * _MARGIN)
    height = (_LINES + 1) * _HEIGHT + 2 * _MARGIN
    ends = [*(one.at for one in moments[1:]), whole]
    styles = [
        "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        "white-space:pre}",
        ".m{visibility:hidden}",
        f"@media (prefers-reduced-motion:reduce){{.m{{animation:none!important}}"
        f"#m{len(moments) - 1}{{visibility:visible}}}}",
    ]
    groups = []
    for number, (moment, end) in enumerate(zip(moments, ends, strict=True)):
        start = 0.0 if number == 0 else moment.at
        first, last = 100 * start / whole, 100 * end / whole
        styles.append(
            f"#m{number}{{animation:k{number} {whole:.2f}s step-end infinite}}"
            f"@keyframes k{number}{{0%{{visibility:{'visible' if number == 0 else 'hidden'}}}"
            + (f"{first:.3f}%{{visibility:visible}}" if number else "")
            + (f"{last:.3f}%{{visibility:hidden}}" if number < len(moments) - 1 else "")
            + "}"
        )
        rows = "".join(
            f'<use href="#l{numbers[line]}" y="{row * _HEIGHT}"/>'
            for row, line in enumerate(moment.lines, 1)
            if line
        )
        groups.append(f'<g class="m" id="m{number}">{rows}</g>')
    prompt = (
        f'<text y="0"><tspan fill="{_COLOURS["green"]}">$</tspan> '
        f'<tspan fill="{_COLOURS["white"]}">{escape(title)}</tspan></text>'
    )
    lines = "".join(
        f'<text id="l{number}">{"".join(map(_span, line))}</text>'
        for line, number in numbers.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title)}, recorded">'
        f"<style>{''.join(styles)}</style><defs>{lines}</defs>"
        f'<rect width="{width}" height="{height}" rx="8" fill="#18181b"/>'
        f'<g transform="translate({_MARGIN} {_MARGIN + 14})" fill="{_COLOURS["default"]}">'
        f"{prompt}{''.join(groups)}</g></svg>\n"
    )


def _distinct(moments: Iterable[Moment]) -> dict[Line, None]:
    return {line: None for moment in moments for line in moment.lines if line}


def _span(piece: Piece) -> str:
    weight = ' font-weight="bold"' if piece.bold else ""
    return (
        f'<tspan x="{piece.column * _WIDTH:g}" fill="{piece.colour}"{weight}>'
        f"{escape(piece.text, quote=False)}</tspan>"
    )


def main() -> None:
    """Record the demo anew."""
    program = Path(sys.executable).with_name("asyncevents")
    moments = record([str(program), *_COMMAND])
    RECORDING.write_text(drawn(moments, f"asyncevents {' '.join(_COMMAND)}"))
    size = RECORDING.stat().st_size // 1000
    print(f"{RECORDING.relative_to(_ROOT)}: {len(moments)} moments, {size} kB")


if __name__ == "__main__":
    main()
