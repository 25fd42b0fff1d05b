"""Charts as inline SVG.

Lengths along an axis are percentages, so a chart is as wide as its place and its text never shrinks
with it. Colours are classes of the style sheet, which knows light and dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from weaklabel.analysis.reliability import ReliabilityBins
from weaklabel.analysis.report.html import Html, element, join
from weaklabel.analysis.text import percent

HEIGHT = 230.0
AXIS_ROOM = 42.0
QUARTERS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Interval:
    """A share with its interval, both in [0, 1]."""

    value: float
    low: float | None = None
    high: float | None = None


def bar(parts: Iterable[tuple[str, float]], height: int = 12) -> Html:
    """Bars on top of each other, the first at the bottom: (class of the style sheet, share)."""
    rects = [
        element("rect", x="0", y="0", width=_at(share), height="100%", rx="2", class_=name)
        for name, share in parts
        if share > 0
    ]
    track = element("rect", width="100%", height="100%", rx="2", class_="track")
    return _line(height, track, *rects)


def dots(marks: Iterable[tuple[str, Interval]], chance: float, height: int = 16) -> Html:
    """Shares as dots on one line from 0 to 1, their intervals as whiskers; a tick at chance."""
    middle = height / 2
    shapes = [
        element("line", x1="0", x2="100%", y1=middle, y2=middle, class_="rule"),
        element("line", x1=_at(chance), x2=_at(chance), y1="2", y2=height - 2.0, class_="chance"),
    ]
    for name, mark in marks:
        if mark.low is not None and mark.high is not None:
            shapes.append(
                element(
                    "line",
                    x1=_at(mark.low),
                    x2=_at(mark.high),
                    y1=middle,
                    y2=middle,
                    class_=f"whisker {name}",
                )
            )
        shapes.append(element("circle", cx=_at(mark.value), cy=middle, r="4", class_=f"dot {name}"))
    return _line(height, *shapes)


def columns(heights: Sequence[float], label: str, x_title: str, class_: str = "fill") -> Html:
    """A histogram over [0, 1].

    Parameters
    ----------
    heights : sequence of float
        Counts of bins of equal width.
    label : str
        What the chart says, for those who do not see it.
    x_title : str
    class_ : str
        Class of the columns in the style sheet.
    """
    top = max([*heights, 1e-300])
    room = HEIGHT - AXIS_ROOM
    width = 100.0 / len(heights)
    lines, words = _grid(room, [f"{top * share:,.0f}" for share in QUARTERS])
    shapes = [*lines]
    for k, value in enumerate(heights):
        tall = max(room * value / top, 1.5 if value else 0.0)
        name = f"{k / len(heights):.2f} to {(k + 1) / len(heights):.2f}: {value:,.0f}"
        shapes.append(
            element(
                "rect",
                element("title", name),
                x=f"{k * width + 0.12 * width:.3f}%",
                y=room - tall,
                width=f"{0.76 * width:.3f}%",
                height=tall,
                class_=class_,
            )
        )
    return _figure(label, [*shapes, *words, *_axis(room, x_title)])  # the words over the columns


def reliability(found: ReliabilityBins, label: str, x_title: str) -> Html:
    """Confidence against the share that is right, with the diagonal of calibrated labels.

    Parameters
    ----------
    found : ReliabilityBins
    label, x_title : str
        As :func:`columns`.
    """
    room = HEIGHT - AXIS_ROOM
    most = max(int(found.count.max(initial=0)), 1)
    lines, words = _grid(room, [f"{100 * share:.0f}%" for share in QUARTERS])
    shapes = [
        *lines,
        *words,
        element("line", x1="0", y1=room, x2="100%", y2="0", class_="diagonal"),
    ]
    for k in np.flatnonzero(found.count).tolist():
        x, n = _at(float(found.confidence[k])), int(found.count[k])
        y1, y2 = room * (1 - float(found.low[k])), room * (1 - float(found.high[k]))
        shapes.append(element("line", x1=x, x2=x, y1=y1, y2=y2, class_="whisker model"))
        meaning = (
            f"confidence {percent(found.confidence[k])}, right {percent(found.accuracy[k])}, "
            f"{n:,} rows"
        )
        y, radius = room * (1 - float(found.accuracy[k])), 3.0 + 5.0 * (n / most) ** 0.5
        shapes.append(
            element("circle", element("title", meaning), cx=x, cy=y, r=radius, class_="dot model")
        )
    return _figure(label, [*shapes, *_axis(room, x_title)])


def _line(height: int, *shapes: Html) -> Html:
    return element(
        "svg", join(shapes), class_="line", width="100%", height=height, aria_hidden="true"
    )


def _figure(label: str, shapes: Iterable[Html]) -> Html:
    return element(
        "svg",
        join(shapes),
        class_="chart",
        width="100%",
        height=HEIGHT,
        role="img",
        aria_label=label,
    )


def _grid(room: float, words: Sequence[str]) -> tuple[list[Html], list[Html]]:
    """Lines at the quarters of the height, and what they stand for."""
    heights = [round(room * (1 - share), 2) + 0.5 for share in QUARTERS]
    lines = [element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid") for y in heights]
    named = zip(words, heights, strict=True)
    return lines, [element("text", w, x="0", y=y - 4, class_="tick halo") for w, y in named]


def _axis(room: float, title: str) -> Iterable[Html]:
    yield element("line", x1="0", x2="100%", y1=room, y2=room, class_="axis")
    for share, anchor in zip((0.0, *QUARTERS), ("", *["middle"] * 3, "end"), strict=True):
        yield element("text", f"{share:g}", x=_at(share), y=room + 16, class_=f"tick {anchor}")
    yield element("text", title, x="50%", y=room + 34, class_="tick middle")


def _at(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.3g}%"
