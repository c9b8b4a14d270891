"""Lines over time, as an SVG of a few kilobytes."""

import math
import typing
from collections.abc import Mapping, Sequence
from xml.sax import saxutils

WIDTH, HEIGHT, GAP = 640, 130, 46  # px, of a panel's plot
LEFT, RIGHT = 80, 30  # px
POINTS = 300  # of a line
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c")
STYLE = "font: 12px system-ui, sans-serif; background: #fff"


class Panel(typing.NamedTuple):
    """One plot: its title, and its lines by their names."""

    title: str
    lines: Mapping[str, Sequence[float]]


def svg(times: Sequence[float], panels: Sequence[Panel]) -> str:
    """The panels, one below the other, over the same `times` in seconds."""
    height = len(panels) * (HEIGHT + GAP) + GAP
    size = f"{LEFT + WIDTH + RIGHT} {height}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" style="{STYLE}">']
    for number, panel in enumerate(panels):
        parts += _panel(times, panel, top=GAP + number * (HEIGHT + GAP))
    parts += ["</svg>", ""]
    return "\n".join(parts)


def _panel(times: Sequence[float], panel: Panel, top: float) -> list[str]:
    highest = _round_up(max(max(line) for line in panel.lines.values()))
    end = times[-1] or 1.0
    bottom = top + HEIGHT
    parts = [_text(LEFT, top - 10, panel.title, weight="bold")]
    for share in (0, 0.5, 1):
        y = bottom - share * HEIGHT
        parts.append(f'<path d="M{LEFT} {y:.1f}h{WIDTH}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{share * highest:,.10g}", anchor="end"))
    for share in (0, 0.25, 0.5, 0.75, 1):
        label = f"{share * end / 60:.1f} min"
        parts.append(_text(LEFT + share * WIDTH, bottom + 16, label, anchor="middle"))
    x = LEFT + WIDTH
    for (name, line), colour in reversed(list(zip(panel.lines.items(), COLOURS, strict=False))):
        # The highest of each stretch: a short peak is to be seen too.
        stretch = math.ceil(len(line) / POINTS)
        points = " ".join(
            f"{LEFT + times[at] / end * WIDTH:.1f},"
            f"{bottom - max(line[at : at + stretch]) / highest * HEIGHT:.1f}"
            for at in range(0, len(line), stretch)
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        parts.append(_text(x, top - 10, name, anchor="end", colour=colour))
        x -= 8 * len(name) + 16
    return parts


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    colour: str = "#222",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
        f' font-weight="{weight}">{saxutils.escape(text)}</text>'
    )


def _round_up(value: float) -> float:
    """To one or two digits, for the scale; 1 for nothing."""
    if value <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(value))
    return float(
        next(step * unit for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * unit >= value)
    )
