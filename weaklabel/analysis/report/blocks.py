"""Blocks that the page is built of: sections, figures, tiles, lists and small tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weaklabel.analysis.report.findings import Sentence
from weaklabel.analysis.report.html import Child, Html, breakable, element, join
from weaklabel.analysis.text import Cells


def figure(title: str, about: Child, *content: Child) -> Html:
    """A chart with its title and a line on how to read it."""
    caption = element("figcaption", element("h3", title), element("p", about))
    return element("figure", caption, *content)


def missing(*sentences: str) -> Html:
    """What is not here, and what to pass to see it."""
    return element("p", " ".join(sentences), class_="missing")


def section(identifier: str, title: str, lead: Child, *content: Child) -> Html:
    """A part of the page with a heading."""
    heading = element("h2", title, id=f"{identifier}-title")
    return element(
        "section",
        heading,
        element("p", lead, class_="lead"),
        *content,
        id=identifier,
        aria_labelledby=f"{identifier}-title",
    )


def tiles(facts: Iterable[tuple[str, str]]) -> Html:
    """Large numbers: (what, number)."""
    pairs = [element("div", element("dt", k), element("dd", v)) for k, v in facts]
    return element("dl", pairs, class_="tiles")


def finding_list(title: str, sentences: Sequence[Sentence]) -> Html:
    """Findings of one kind under a heading; warnings carry a sign and a word."""
    items = [
        element(
            "li",
            _sign() if s.level == "warning" else None,
            element("span", s.text, class_="data"),
            class_=s.level,
        )
        for s in sentences
    ]
    return element("div", element("h3", title), element("ul", items, class_="findings"))


def _sign() -> Html:
    shown = element("span", "!", class_="mark", aria_hidden="true")
    return join([shown, element("span", "Warning: ", class_="unseen")])


def key(entries: Iterable[tuple[str, str, str]]) -> Html:
    """What the colours of a chart mean: (shape, class of the style sheet, words)."""
    items = []
    for shape, name, words in entries:
        if shape == "dot":
            mark = element("circle", cx="50%", cy="50%", r="4", class_=f"dot {name}")
        else:
            mark = element("rect", width="100%", height="100%", rx="2", class_=name)
        items.append(element("li", element("svg", mark, aria_hidden="true"), words))
    return element("ul", items, class_="key")


def small_table(
    header: Sequence[str], rows: Iterable[Sequence[Child]], numeric: Sequence[bool]
) -> Html:
    """A table that stands in the page as it is."""

    def cells(values: Sequence[Child], name: str) -> list[Html]:
        return [
            element(
                "th" if name == "th" or k == 0 else "td",
                value,
                class_="number" if numeric[k] else "data",
                scope="col" if name == "th" else "row" if k == 0 else None,
            )
            for k, value in enumerate(values)
        ]

    head = element("thead", element("tr", cells(header, "th")))
    body = element("tbody", [element("tr", cells(row, "td")) for row in rows])
    return element("div", element("table", head, body, class_="small"), class_="table-scroll")


def cells_table(cells: Cells) -> Html:
    """A table of text cells."""
    rows = [(breakable(row[0]), *row[1:]) for row in cells.rows]
    return small_table(cells.header, rows, cells.numeric)


def fact_list(facts: Iterable[tuple[str, Child]]) -> Html:
    """Names and values."""
    pairs = [join([element("dt", k), element("dd", v, class_="data")]) for k, v in facts]
    return element("dl", pairs, class_="facts")
