"""Given turns, when their picture is made, then it is one page that loads nothing and shows every word."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from sensorium.cli.timeline import TimelineTurn, render
from sensorium.trace import Stage

STAGES = (
    Stage("front", "front.first_sound", 1, 10.2, 10.4),
    Stage("hearing", "hearing.chunk", 1, 10.0, 10.01),
    Stage("llm", "llm.prefill", 1, 10.1, 10.1),
    Stage("speech", "a < b & c", 1, 10.9, 11.0),
)


class _Page(HTMLParser):
    """Start tags with their attributes; raises when tags are not closed in order."""

    VOID = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_what_was_said_is_text_and_never_markup() -> None:
    nasty = "<script>alert('x')</script> & \"quoted\""
    page = render(nasty, [TimelineTurn(nasty, nasty, STAGES)])
    assert _Page(page).named("script") == []
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4  # title, heading, the turn's title and subtitle


def test_there_is_a_bar_for_every_stage_inside_the_picture() -> None:
    parsed = _Page(render("an evening", [TimelineTurn("hello", "", STAGES)]))
    bars = parsed.named("rect")
    (svg,) = parsed.named("svg")
    assert len(bars) == len(STAGES)
    for bar in bars:
        assert float(bar["x"]) >= 0.0 and float(bar["width"]) >= 2.0
        assert float(bar["x"]) + float(bar["width"]) <= float(svg["width"]) + 2.0
        assert float(bar["y"]) + float(bar["height"]) <= float(svg["height"])


def test_each_process_has_its_own_colour_and_stands_in_the_legend() -> None:
    page = render("an evening", [TimelineTurn("hello", "", STAGES)])
    fills = {bar["fill"] for bar in _Page(page).named("rect")}
    assert len(fills) == 4
    legend = re.findall(r'class="key" style="background:(#\w+)"', page)
    assert fills < set(legend)  # also vision, and what missed its budget


def test_a_turn_without_stages_shows_its_words() -> None:
    parsed = _Page(render("an evening", [TimelineTurn("nobody heard this", "nothing", ())]))
    assert parsed.named("svg") == []
    assert len(parsed.named("h2")) == 1


def test_the_page_loads_nothing_from_anywhere() -> None:
    page = render("an evening", [TimelineTurn("hello", "", STAGES)])
    assert not re.search(r"https?:|src=|@import|url\(", page)


def test_a_stage_with_a_budget_has_a_frame_and_is_red_when_it_missed() -> None:
    """Given 10 ms of decoding in a budget of 5, 20 of looking in 80, and a stage without a budget"""
    stages = (
        Stage("vision", "vision.decode", 1, 0.0, 0.010),
        Stage("vision", "vision.model", 1, 0.010, 0.030),
        Stage("front", "compose", 1, 0.030, 0.100),
    )
    page = render("an evening", [TimelineTurn("hello", "", stages)])
    parsed = _Page(page)
    frames = [attributes for attributes in parsed.named("path") if attributes["class"] == "budget"]
    fills = [bar["fill"] for bar in parsed.named("rect")]

    assert fills[0] == "#d00000" and "#d00000" not in fills[1:]
    assert [frame["d"] for frame in frames] == ["M0.0 3h45.0v13h-45.0z", "M90.0 21h720.0v13h-720.0z"]
    assert "vision.decode 10.0 of 5 ms" in page and "compose 70.0 ms" in page
