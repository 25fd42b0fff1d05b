"""Charts with their keys, their words and, where it helps, the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from weaklabel.analysis.pairs import LFPairs
from weaklabel.analysis.quality import LabelQuality
from weaklabel.analysis.reliability import ReliabilityBins
from weaklabel.analysis.report.blocks import cells_table, key, small_table
from weaklabel.analysis.report.charts import Interval, bar, columns, dots, reliability
from weaklabel.analysis.report.html import Html, breakable, element, join
from weaklabel.analysis.report.pair_map import LISTED, PairMap
from weaklabel.analysis.report.scores import Balance, Histogram
from weaklabel.analysis.text import percent

MAX_BARS: Final = 200
MAX_CLASSES: Final = 30
SHADES: Final = 4
FITTING: Final = 18  # lines of the chart that fit its box
AXIS_ENDS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)


def balance_chart(names: Sequence[str], balance: Balance) -> Html:
    """Shares of the classes according to votes, labels and gold."""
    series = [("votes-share", "votes", balance.votes)]
    if balance.model is not None:
        series.append(("model-share", "labels", balance.model))
    if balance.gold is not None:
        series.append(("gold-share", "gold", balance.gold))
    order = np.argsort(-series[-1][2], kind="stable").tolist()
    widest = _round_up(max(float(values.max()) for _, _, values in series))
    lines = []
    for k in order[:MAX_CLASSES]:
        stack = [bar([(name, float(values[k]) / widest)], 9) for name, _, values in series]
        numbers = [element("div", percent(float(values[k]))) for _, _, values in series]
        lines.append(
            element(
                "div",
                element("span", names[k], class_="name data", title=names[k]),
                element("div", stack, class_="stack"),
                element("div", numbers, class_="number"),
            )
        )
    more = len(order) - MAX_CLASSES
    words = f"The bars go up to {widest:.0%}."
    if more > 0:
        words += f" {more:,} rarer classes are left out."
    return join(
        [
            key([("box", name, words) for name, words, _ in series]),
            element("div", lines, class_="bars balance"),
            element("p", words, class_="below") if widest < 1.0 or more > 0 else None,
        ]
    )


def histogram_chart(found: Histogram, names: Sequence[str]) -> Html:
    """Rows by the probability of a class, or of the most probable one."""
    what = "the most probable class" if found.of_class is None else names[found.of_class]
    counts = found.counts.tolist()
    peak = int(found.counts.argmax())
    label = (
        f"Histogram of the probability of {what} over {found.n_rows:,} rows with votes; most rows, "
        f"{counts[peak]:,}, lie between {peak / len(counts):.2f} and {(peak + 1) / len(counts):.2f}"
    )
    table = element(
        "details",
        element("summary", "As a table"),
        small_table(
            ("from", "to", "rows"),
            [
                (f"{k / len(counts):.2f}", f"{(k + 1) / len(counts):.2f}", f"{n:,}")
                for k, n in enumerate(counts)
            ],
            (True, True, True),
        ),
    )
    top = element("p", "rows", class_="y-title")
    return join([top, columns(counts, label, f"probability of {what}"), table])


def reliability_chart(found: ReliabilityBins) -> Html:
    """Confidence against accuracy, and the same as a table."""
    label = (
        f"Reliability diagram of {int((found.count > 0).sum())} groups of rows; confidence and "
        f"share right differ by {percent(found.ece)} on average"
    )
    table = element("details", element("summary", "As a table"), cells_table(found.cells()))
    top = element("p", "share right on rows with gold", class_="y-title")
    return join([top, reliability(found, label, "confidence"), table])


def confusion_table(quality: LabelQuality) -> Html:
    """Gold against labels; shaded by the share of the gold class."""
    names = list(quality.labels)
    total = quality.confusion.sum(axis=1)
    rows = []
    for g, name in enumerate(names):
        cells = [element("th", name, scope="row", class_="data")]
        for k in range(len(names)):
            share = quality.confusion[g, k] / total[g] if total[g] else 0.0
            shade = min(int(share * SHADES) + 1, SHADES) if share >= 0.005 else 0
            kind = ("shade" if g == k else "wrong") + f"-{shade}" if shade else ""
            cells.append(
                element(
                    "td",
                    f"{quality.confusion[g, k]:,.10g}",
                    class_=f"{kind} {'diagonal-cell' if g == k else ''}".strip() or None,
                    title=f"{percent(share)} of the rows with gold {name} are labelled {names[k]}",
                )
            )
        rows.append(element("tr", cells))
    head = element(
        "tr",
        element("th", "gold ↓  label →", scope="col"),
        [element("th", n, scope="col", class_="number data") for n in names],
    )
    return element(
        "div",
        element("table", element("thead", head), element("tbody", rows), class_="small confusion"),
        class_="table-scroll",
    )


def glance_chart(lines: Sequence[Mapping[str, Any]], n_classes: int) -> Html:
    """Coverage, overlap and conflict of each labeling function, and how often it is right."""
    has_accuracy = any(
        line.get("learned") is not None or line.get("gold") is not None for line in lines
    )
    order = sorted(range(len(lines)), key=lambda j: -lines[j]["coverage"])[:MAX_BARS]
    entries = [
        ("box", "conflict", "another one disagrees"),
        ("box", "overlap", "another one votes too"),
        ("box", "coverage", "it votes"),
    ]
    widest = _round_up(max((line["coverage"] for line in lines), default=0.0))
    head = [
        element("span", "labeling function", class_="head"),
        element("span", f"share of the rows, up to {widest:.0%}", class_="head"),
        element("span", class_="head"),
    ]
    has_gold = any(line.get("gold") is not None for line in lines)
    if has_accuracy:
        entries.append(("dot", "model", "right, as the model believes"))
        if has_gold:
            entries.append(("dot", "gold", "right, on rows with gold"))
        head += [
            element("span", "share of its votes that are right", class_="head accuracy-line"),
            element("span", "gold" if has_gold else "model", class_="head number accuracy-number"),
        ]
    rows = [element("div", head)]
    rows += [_glance_line(lines[j], n_classes, has_accuracy, widest) for j in order]
    kind = "bars glance" if has_accuracy else "bars glance no-accuracy"
    is_long = len(order) > FITTING
    box = element(
        "div",
        element("div", rows, class_=kind),
        class_="box long" if is_long else "box",
        tabindex="0",
        role="region",
        aria_label="Bars of the labeling functions; the numbers are in the table below",
    )
    note = None
    if is_long:
        few = f"The {MAX_BARS} that vote most of" if len(lines) > MAX_BARS else "All"
        note = element("p", f"{few} {len(lines):,}; scroll in the box to see more.", class_="below")
    return join([key(entries), box, note])


def _glance_line(
    line: Mapping[str, Any], n_classes: int, has_accuracy: bool, widest: float
) -> Html:
    parts = [(name, float(line[name]) / widest) for name in ("coverage", "overlap", "conflict")]
    cells = [
        element("span", line["name"], class_="name data", title=line["name"]),
        bar(parts),
        element("span", percent(line["coverage"]), class_="number"),
    ]
    if has_accuracy:
        marks = []
        for kind, name in (("learned", "model"), ("gold", "gold")):
            if line.get(kind) is not None:
                mark = Interval(line[kind], line.get(f"{kind}_low"), line.get(f"{kind}_high"))
                marks.append((name, mark))
        best = marks[-1][1].value if marks else float("nan")
        cells += [
            element("div", dots(marks, 1.0 / n_classes), class_="accuracy-line"),
            element("span", percent(best), class_="number accuracy-number"),
        ]
    return element("div", cells)


def _round_up(share: float) -> float:
    """The end of an axis that just holds a share."""
    return next((end for end in AXIS_ENDS if share <= end), 1.0)


def map_of_pairs(found: PairMap) -> Html:
    """The place of the map, what its colours mean, and the pairs that stand out as tables."""
    pairs = found.pairs
    measures = [("agreement", "agreement"), ("overlap", "rows in common")]
    if pairs.dependence is not None:
        measures.insert(1, ("dependence", "agreement beyond the class"))
    chosen = element(
        "label",
        "Show",
        element("select", [element("option", w, value=m) for m, w in measures], id="map-measure"),
    )
    ramp = element(
        "p",
        element("span", id="map-low"),
        Html(
            '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><defs>'
            '<linearGradient id="ramp"><stop offset="0" class="low"/>'
            '<stop offset="0.5" class="mid"/><stop offset="1" class="high"/>'
            '</linearGradient></defs><rect width="100" height="10" fill="url(#ramp)"/></svg>'
        ),
        element("span", id="map-high"),
        class_="ramp",
    )
    canvas = element(
        "canvas",
        id="map",
        tabindex="0",
        role="application",
        aria_label=(
            f"Map of {len(found.order)} labeling functions, pair by pair. Arrow keys move over the "
            "pairs; what is known of a pair stands beside the map."
        ),
    )
    side = element(
        "div",
        element("output", id="map-cell"),
        _pairs("Agree most", pairs, found.most_alike()),
        _pairs("Agree least", pairs, pairs.most_opposed()),
        _pairs("Agree beyond what the class explains", pairs, list(pairs.dependent[:LISTED])),
    )
    left = element("div", element("div", chosen, class_="tools"), ramp, canvas)
    return element("div", left, side, class_="map")


def _pairs(title: str, pairs: LFPairs, chosen: Sequence[tuple[str, str]]) -> Html:
    where = {name: j for j, name in enumerate(pairs.lf_names)}
    rows = [
        (
            join([breakable(one), " – ", breakable(other)]),
            percent(float(pairs.agreement[where[one], where[other]])),
            f"{pairs.both[where[one], where[other]]:,}",
        )
        for one, other in chosen
    ]
    table = small_table(("pair", "agree", "rows"), rows, (False, True, True))
    return join([element("h3", title), table if rows else element("p", "None.", class_="dim")])
