"""The timeline picture of an evening: one self-contained HTML page, a row of bars for each turn.

Knows only stages and labels; loads nothing from anywhere.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

from sensorium.budgets import BY_STAGE
from sensorium.trace import Stage

# Colour-blind safe (Okabe-Ito), by the process that did the work.
_COLOURS = {
    "front": "#0072b2",
    "hearing": "#e69f00",
    "llm": "#009e73",
    "speech": "#cc79a7",
    "vision": "#56b4e9",
}
# Of what took longer than its budget.
_MISSED = "#d00000"
_WIDTH_PX = 900
_ROW_PX = 18


class TimelineTurn(NamedTuple):
    """One turn and its stages; `title` and `subtitle` are shown as text."""

    title: str
    subtitle: str
    stages: Sequence[Stage]


def render(heading: str, turns: Sequence[TimelineTurn]) -> str:
    """The whole page as text. A turn without stages shows its words only."""
    body = "\n".join(_turn(turn) for turn in turns)
    legend = " ".join(
        f'<span class="key" style="background:{colour}"></span>{html.escape(name)}'
        for name, colour in (*_COLOURS.items(), ("missed its budget", _MISSED))
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(heading)}</title><style>
body {{ font: 14px/1.4 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; color: #222; }}
h2 {{ font-size: 16px; margin: 1.6em 0 0; }} p {{ margin: .1em 0 .4em; color: #555; }}
.budget {{ fill: none; stroke: #444; stroke-dasharray: 3 2; }}
.key {{ display: inline-block; width: 12px; height: 12px; margin: 0 4px 0 12px; border-radius: 2px; }}
svg text {{ font: 11px system-ui, sans-serif; }} svg {{ background: #fafafa; }}
</style></head><body><h1>{html.escape(heading)}</h1><p>{legend}</p>
{body}
</body></html>
"""


def _turn(turn: TimelineTurn) -> str:
    head = f"<h2>{html.escape(turn.title)}</h2><p>{html.escape(turn.subtitle)}</p>"
    stages = sorted(turn.stages, key=lambda s: (s.start_s, -s.end_s))
    if not stages:
        return head
    start_s = stages[0].start_s
    span_s = max(max(s.end_s for s in stages) - start_s, 1e-6)
    rows = [_bar(i, stage, start_s, span_s) for i, stage in enumerate(stages)]
    height = _ROW_PX * len(stages) + 22
    ruler = (
        f'<text x="4" y="{height - 6}">0 ms</text>'
        f'<text x="{_WIDTH_PX - 4}" y="{height - 6}" text-anchor="end">{span_s * 1000:.0f} ms</text>'
    )
    return f'{head}<svg width="{_WIDTH_PX}" height="{height}" role="img">{"".join(rows)}{ruler}</svg>'


def _bar(row: int, stage: Stage, start_s: float, span_s: float) -> str:
    x = (stage.start_s - start_s) / span_s * _WIDTH_PX
    width = max(2.0, (stage.end_s - stage.start_s) / span_s * _WIDTH_PX)
    y = row * _ROW_PX + 3
    budget = BY_STAGE.get(stage.name)
    missed = budget is not None and stage.ms > budget.ms
    of = f" of {budget.ms:g}" if budget is not None else ""
    label = html.escape(f"{stage.name} {stage.ms:.1f}{of} ms")
    at_right = x < _WIDTH_PX * 0.65
    # A dashed frame from the bar's start to its budget, as far as the picture goes.
    frame_px = min(budget.ms / 1000.0 / span_s * _WIDTH_PX, _WIDTH_PX - x) if budget is not None else 0.0
    text_x = x + max(width, frame_px) + 4 if at_right else x - 4
    anchor = "start" if at_right else "end"
    if at_right and text_x > _WIDTH_PX - 160:
        text_x, anchor = x + 4, "start"
    colour = _MISSED if missed else _COLOURS.get(stage.process, "#666")
    frame = (
        f'<path class="budget" d="M{x:.1f} {y}h{frame_px:.1f}v{_ROW_PX - 5}h-{frame_px:.1f}z"/>'
        if budget is not None
        else ""
    )
    return (
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW_PX - 5}" fill="{colour}" rx="2">'
        f"<title>{label}</title></rect>{frame}"
        f'<text x="{text_x:.1f}" y="{y + 11}" text-anchor="{anchor}">{label}</text>'
    )
