"""The page in a real browser: sorting, search, filters, opening, keys, colours, hostile text."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.conftest import HOSTILE, Case
from weaklabel import LabelModel, VoteMatrix
from weaklabel.analysis.report import write_report

pytestmark = pytest.mark.slow

ROWS = "#row-table"
FUNCTIONS = "#function-table"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield opened
        opened.close()


class Seen:
    """A page that is open, and what went wrong in it."""

    def __init__(self, browser: Any, path: Path, **settings: Any) -> None:
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.errors.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.goto(path.as_uri())

    def column(self, table: str, name: str) -> list[str]:
        heads = self.page.locator(f"{table} thead th").all_inner_texts()
        at = next(k for k, head in enumerate(heads) if head.strip() == name)
        lines = self.page.locator(f"{table} tbody tr.line")
        return [
            line.locator("th, td").nth(at).inner_text().strip()
            for line in (lines.nth(i) for i in range(lines.count()))
        ]

    def sort(self, table: str, name: str) -> Any:
        head = self.page.locator(f"{table} thead th", has_text=re.compile(f"^{re.escape(name)}$"))
        head.locator("button").click()
        return head

    def status(self, table: str) -> str:
        return str(self.page.locator(f"{table} [role=status]").inner_text())


@pytest.fixture(scope="module")
def path(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return write_report(
        folder / "r.html", case.votes, case.model, gold=case.gold, rows=case.rows, title="A report"
    )


@pytest.fixture
def seen(browser: Any, path: Path) -> Iterator[Seen]:
    found = Seen(browser, path, viewport={"width": 1280, "height": 900})
    yield found
    assert found.errors == []
    assert found.requests == [path.as_uri()]
    found.context.close()


def shares(texts: list[str]) -> list[float]:
    return [float(text.split("%")[0]) for text in texts if text != "–"]


def test_every_row_and_function_is_there(seen, case):
    assert seen.page.title() == "A report"
    assert seen.status(ROWS) == "1–25 of 300"
    assert seen.status(FUNCTIONS) == "1–6 of 6"
    assert seen.column(FUNCTIONS, "Labeling function") == list(case.votes.lf_names)


def test_a_click_on_a_heading_sorts_and_a_second_turns_it_around(seen):
    head = seen.sort(ROWS, "Confidence")
    assert head.get_attribute("aria-sort") == "descending"
    falling = shares(seen.column(ROWS, "Confidence"))
    assert falling == sorted(falling, reverse=True)
    seen.sort(ROWS, "Confidence")
    assert head.get_attribute("aria-sort") == "ascending"
    rising = shares(seen.column(ROWS, "Confidence"))
    assert rising == sorted(rising)
    assert rising[0] < falling[-1]
    other = seen.sort(ROWS, "Row")
    assert other.get_attribute("aria-sort") == "ascending"
    assert head.get_attribute("aria-sort") is None
    assert seen.column(ROWS, "Row")[:2] == ["row-000", "row-001"]


@pytest.mark.parametrize(
    "name", ["Votes", "Coverage", "Conflict", "Learned accuracy", "Right on gold"]
)
def test_functions_sort_by_every_number(seen, name):
    seen.sort(FUNCTIONS, name)
    values = shares(seen.column(FUNCTIONS, name))
    assert len(values) == 6
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 1


def test_unknown_values_come_last_both_ways(seen):
    seen.page.locator(f"{ROWS} .pager select").select_option("0")
    for _ in range(2):
        seen.sort(ROWS, "Confidence")
        column = seen.column(ROWS, "Confidence")
        unknown = [k for k, text in enumerate(column) if text == "–"]
        assert unknown
        assert unknown == list(range(len(column) - len(unknown), len(column)))


def test_search_finds_all_words_in_any_column(seen):
    seen.page.locator(f"{ROWS} input[type=search]").fill("money NUMBER 17")
    texts = seen.column(ROWS, "text")
    assert texts
    assert all("money" in text for text in texts)
    assert any("number 17 " in text for text in texts)  # others have 17 as their length
    assert "found of 300" in seen.status(ROWS)
    seen.page.keyboard.press("Escape")
    assert seen.status(ROWS) == "1–25 of 300"
    seen.page.locator(f"{ROWS} input[type=search]").fill("no such words")
    assert seen.status(ROWS) == "0 of 0 found of 300"
    assert "Nothing is like that" in seen.page.locator(f"{ROWS} tbody").inner_text()
    seen.page.locator(f"{ROWS} button", has_text="Clear").click()
    assert seen.status(ROWS) == "1–25 of 300"


def test_filters_by_class_gold_reason_and_error(seen, case):
    page = seen.page
    page.locator(f"{ROWS} .pager select").select_option("0")
    page.get_by_label("Label", exact=True).select_option(label="spam")
    assert set(seen.column(ROWS, "Label")) == {"spam"}
    page.get_by_label("Gold", exact=True).select_option(label="ham")
    assert all(text.startswith("ham") for text in seen.column(ROWS, "Gold"))
    both = len(seen.column(ROWS, "Row"))
    page.get_by_label("wrong vs gold").check()
    assert len(seen.column(ROWS, "Row")) == both
    page.locator(f"{ROWS} button", has_text="Clear").click()
    page.get_by_label("in conflict").check()
    assert all(value > 0 for value in shares(seen.column(ROWS, "Against")))
    page.locator(f"{ROWS} button", has_text="Clear").click()
    page.get_by_label("wrong vs gold").check()
    labels = case.model.predict(case.votes)
    names = [["ham", "spam"][code] if code >= 0 else None for code in labels]
    wrong = [g for g, name in zip(case.gold, names, strict=True) if g and name and g != name]
    assert len(seen.column(ROWS, "Row")) == len(wrong) > 0


def test_pages_are_turned(seen):
    page = seen.page
    assert page.locator(f"{ROWS} button", has_text="Previous").is_disabled()
    page.locator(f"{ROWS} button", has_text="Next").click()
    assert seen.status(ROWS) == "26–50 of 300"
    assert seen.column(ROWS, "Row")[0] == "row-025"
    page.locator(f"{ROWS} .pager select").select_option("0")
    assert seen.status(ROWS) == "1–300 of 300"
    assert page.locator(f"{ROWS} button", has_text="Next").is_disabled()


def test_thousands_of_lines_come_one_portion_after_the_other(browser, tmp_path):
    votes = VoteMatrix.from_dense(np.arange(1500)[:, None] % 2, labels=["a", "b"])
    seen = Seen(browser, write_report(tmp_path / "long.html", votes))
    seen.page.locator(f"{ROWS} .pager select").select_option("0")
    seen.page.wait_for_function(
        f"() => document.querySelectorAll('{ROWS} tr.line').length === 1500", timeout=20_000
    )
    heads = seen.page.locator(f"{ROWS} .opener")
    assert heads.nth(1499).inner_text() == "1499"
    seen.page.locator(f"{ROWS} .pager select").select_option("0")
    seen.page.locator(f"{ROWS} input[type=search]").fill("149")  # while lines are still to come
    seen.page.wait_for_timeout(200)
    assert seen.column(ROWS, "Row") == ["149", "1149", *map(str, range(1490, 1500))]
    assert seen.errors == []
    seen.context.close()


def test_an_opened_row_shows_its_data_votes_and_explanation(seen, case):
    at = int(np.flatnonzero(case.votes.n_votes_per_item >= 3)[0])
    seen.page.locator(f"{ROWS} input[type=search]").fill(f"row-{at:03d}")
    line = seen.page.locator(f"{ROWS} tr.line").first
    opener = line.locator(".opener")
    assert opener.get_attribute("aria-expanded") == "false"
    line.locator("td").nth(1).click()  # anywhere in the line
    assert opener.get_attribute("aria-expanded") == "true"
    detail = seen.page.locator(f"{ROWS} tr.detail")
    words = detail.inner_text()
    explanation = case.model.explain(case.votes, at)
    assert case.rows[at]["text"] in words
    assert f"What each vote adds to {explanation.label}" in words
    for name in explanation.lf_names:
        assert name in words
    bars = detail.locator(".effect svg rect")
    assert bars.count() == len(explanation.lf_names)
    opener.click()
    assert opener.get_attribute("aria-expanded") == "false"
    assert detail.count() == 0


def test_an_opened_row_stays_open_when_the_table_is_sorted(seen):
    seen.page.locator(f"{ROWS} .opener").nth(2).click()
    seen.sort(ROWS, "Row")
    assert seen.page.locator(f"{ROWS} .opener[aria-expanded=true]").inner_text() == "row-002"
    assert seen.page.locator(f"{ROWS} tr.detail").count() == 1


def test_a_function_leads_to_its_rows(seen, case):
    seen.page.locator(f"{FUNCTIONS} .opener", has_text="caps").click()
    assert "What it votes" in seen.page.locator(f"{FUNCTIONS} tr.detail").inner_text()
    seen.page.get_by_role("button", name="Show the sample rows it votes on").click()
    n_votes = int((case.votes.lf_index == case.votes.lf_names.index("caps")).sum())
    assert f"{n_votes} found of 300" in seen.status(ROWS)
    assert seen.page.evaluate("document.activeElement.type") == "search"


def test_everything_works_with_the_keyboard_alone(seen):
    page, keys = seen.page, seen.page.keyboard
    page.locator("#rows").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('rows').scrollIntoView()")
    keys.press("/")
    keys.type("money")
    assert "found of 300" in seen.status(ROWS)
    for _ in range(60):
        keys.press("Tab")
        if page.evaluate("document.activeElement.closest('th')?.innerText.trim()") == "Votes":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"  # the focus can be seen
    keys.press("Enter")
    votes = [int(text) for text in seen.column(ROWS, "Votes")]
    assert votes == sorted(votes, reverse=True)
    for _ in range(20):
        keys.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('opener')"):
            break
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("ArrowUp")
    assert page.evaluate("document.activeElement.innerText.trim()") == seen.column(ROWS, "Row")[1]
    keys.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    keys.press("Enter")
    assert page.locator(f"{ROWS} tr.detail").count() == 0


def test_the_first_tab_leads_past_the_head(seen):
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.innerText") == "Skip to the content"
    assert seen.page.locator(".skip").bounding_box()["x"] >= 0
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "main"


def test_the_map_tells_pairs_to_pointer_and_keys(seen, case):
    page = seen.page
    canvas = page.locator("#map")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    words = page.locator("#map-cell").inner_text()
    assert re.search(r"agree on \d+\.\d% of the \d+ rows both vote on", words)
    assert sum(name in words for name in case.votes.lf_names) >= 2
    page.keyboard.press("ArrowLeft")
    assert "with itself" in page.locator("#map-cell").inner_text()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 400, box["y"] + 5)
    page.mouse.move(box["x"] + 2, box["y"] + 5)
    assert "Point at a cell" in page.locator("#map-cell").inner_text()
    image = canvas.screenshot()
    page.locator("#map-measure").select_option("overlap")
    assert page.locator("#map-high").inner_text() == "all rows in common"
    assert canvas.screenshot() != image


def luminance(colour: str) -> float:
    channels = [int(v) / 255 for v in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


CONTRASTS = """() => {
  const opaque = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/rgba\\(.*, 0\\)|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    return `rgb(${[...probe.getImageData(0, 0, 1, 1).data].slice(0, 3).join(", ")})`;
  };
  const found = new Map();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    const skipped = node.closest("script, style, noscript, option, .unseen, .skip, :disabled");
    if (!walk.currentNode.data.trim() || skipped) continue;
    const style = getComputedStyle(node);
    const ink = node.closest("svg") ? style.fill : style.color;
    found.set(`${rgb(ink)}|${rgb(opaque(node))}`, walk.currentNode.data.trim().slice(0, 40));
  }
  return [...found].map(([pair, text]) => [...pair.split("|"), text]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(browser, path, scheme):
    seen = Seen(browser, path, color_scheme=scheme)
    seen.page.locator(f"{ROWS} .opener").first.click()
    ground = luminance(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (ground < 0.05) == (scheme == "dark")
    pairs = seen.page.evaluate(CONTRASTS)
    assert len(pairs) > 4
    for ink, behind, text in pairs:
        a, b = sorted([luminance(ink), luminance(behind)])
        assert (b + 0.05) / (a + 0.05) >= 4.5, (ink, behind, text)
    seen.context.close()


def test_the_button_changes_the_colours_and_says_so(seen):
    page = seen.page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    image = page.locator("#map").screenshot()
    page.locator("#theme").click()
    assert luminance(page.evaluate(ground)) < 0.05
    assert page.locator("#theme").get_attribute("aria-label") == "Use light colours"
    assert page.locator("#map").screenshot() != image
    page.locator("#theme").click()
    assert page.evaluate(ground) == light


def test_short_ids_stand_on_one_line_and_long_ones_do_not_push_the_rest_out(browser, tmp_path):
    dense = [[0, 1], [1, 1]] * 12
    ids = np.array([f"{i:02d}" for i in range(23)] + ["long/" * 60], dtype=object)
    votes = VoteMatrix.from_dense(dense, labels=["a", "b"], row_ids=ids)
    rows = [{"text": "some words that are long enough to fill the line " * 3}] * 24
    path = write_report(tmp_path / "ids.html", votes, rows=rows)
    seen = Seen(browser, path, viewport={"width": 1000, "height": 800})
    openers = seen.page.locator(f"{ROWS} .opener")
    heights = [openers.nth(i).bounding_box()["height"] for i in range(23)]
    assert max(heights) < 30
    assert openers.nth(23).bounding_box()["width"] < 250
    seen.context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_fits_every_width(browser, path, width):
    seen = Seen(browser, path, viewport={"width": width, "height": 800})
    seen.page.locator(f"{ROWS} .opener").first.click()
    seen.page.locator(f"{FUNCTIONS} .opener").first.click()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.context.close()


def test_all_functions_are_printed_on_white(browser, tmp_path, path):
    seen = Seen(browser, path, color_scheme="dark")
    picture = "document.getElementById('map').toDataURL()"
    on_screen = seen.page.evaluate(picture)
    seen.page.emulate_media(media="print", color_scheme="dark")
    seen.page.wait_for_function(f"previous => {picture} !== previous", arg=on_screen)
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert luminance(ground) > 0.9
    assert seen.status(FUNCTIONS) == "1–6 of 6"
    assert not seen.page.locator(f"{ROWS} .tools").is_visible()
    seen.context.close()


def hostile_report(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    votes = VoteMatrix.from_dense(
        rng.integers(-1, 2, (60, 4)),
        labels=[f"no {HOSTILE}", f"yes {HOSTILE}"],
        lf_names=[f"{HOSTILE} {j}" for j in range(4)],
        row_ids=np.array([f"{i} {HOSTILE}" for i in range(60)], dtype=object),
    )
    return write_report(
        folder / "hostile.html",
        votes,
        LabelModel().fit(votes),
        gold=[f"no {HOSTILE}"] * 60,
        rows=[{f"column {HOSTILE}": f"text {HOSTILE} {i}"} for i in range(60)],
        title=HOSTILE,
        about={HOSTILE: HOSTILE},
    )


def test_hostile_text_is_shown_and_does_nothing(browser, tmp_path):
    path = hostile_report(tmp_path)
    seen = Seen(browser, path)
    page = seen.page
    page.locator(f"{ROWS} .opener").first.click()
    page.locator(f"{FUNCTIONS} .opener").first.click()
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    seen.sort(ROWS, "Label")
    assert page.title() == HOSTILE
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert "</script><img src=x onerror=" in page.locator(f"{ROWS} tr.detail").inner_text()
    assert seen.errors == []
    assert seen.requests == [path.as_uri()]
    seen.context.close()


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}", asked
        found.shutdown()
        thread.join()


def test_should_markup_ever_get_in_the_policy_stops_it(browser, tmp_path, path, server):
    address, asked = server
    plain = tmp_path / "plain.html"
    plain.write_text(f"<img src='{address}/reached'>")
    Seen(browser, plain).context.close()
    assert asked == ["/reached"]  # the server can be reached, where nothing forbids it
    broken = tmp_path / "broken.html"
    inserted = f"<img src='{address}/x' onerror='window.hit=1'><script>window.hit=1</script>"
    broken.write_text(path.read_text("utf-8").replace("<h1", f"{inserted}<h1", 1), "utf-8")
    seen = Seen(browser, broken)
    assert seen.page.locator("img").count() == 1
    assert seen.page.evaluate("window.hit") is None
    assert seen.page.evaluate(f"fetch('{address}/y').then(() => 1, () => 0)") == 0
    assert asked == ["/reached"]
    assert seen.errors  # the browser says what it refused
    assert seen.status(ROWS) == "1–25 of 300"  # and the page still works
    seen.context.close()


@pytest.mark.filterwarnings("ignore:too_few_lfs")  # of one function the model says so
@pytest.mark.parametrize(
    "dense",
    [np.full((20, 3), -1), [[0], [1], [-1]] * 5, [[k % 12] * 3 for k in range(24)]],
    ids=["no votes", "one function", "twelve classes"],
)
def test_odd_votes_are_drawn_without_an_error(browser, tmp_path, dense):
    votes = VoteMatrix.from_dense(dense, labels=[f"c{k}" for k in range(12)])
    model = LabelModel().fit(votes) if votes.n_votes else None
    path = write_report(tmp_path / "odd.html", votes, model)
    seen = Seen(browser, path)
    assert seen.page.locator(f"{FUNCTIONS} tr.line").count() == votes.n_lfs
    assert seen.page.locator(f"{ROWS} tr.line").count() == min(votes.n_items, 25)
    seen.page.locator(f"{ROWS} .opener").first.click()
    assert seen.errors == []
    seen.context.close()
