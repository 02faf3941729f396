from __future__ import annotations

import io

from msgspec.structs import replace
from rich.console import Console
from tests.unit.prompting.test_explain import _kept, _next
from tests.unit.prompting.views import a_view

from sensorium.cli.explain import render
from sensorium.prompting.explain import explain


def _shown(explanation) -> str:
    out = io.StringIO()
    Console(file=out, width=160, color_system=None).print(render(explanation))
    return out.getvalue()


def test_the_table_shows_every_tier_and_the_verdict() -> None:
    told = explain(_kept(2, _next(a_view())), _kept(1, a_view()))
    shown = _shown(told)
    for word in (
        "turn 2 against turn 1",
        "INVARIANT",
        "SEMI_STABLE",
        "VOLATILE",
        "identical",
        "grew",
        "memories",
    ):
        assert word in shown
    assert told.tiers[0].sha256[:8] in shown
    assert " ".join(told.verdict.split()) in " ".join(shown.split())


def test_unknown_token_counts_are_shown_as_unknown() -> None:
    assert "?" in _shown(explain(_kept(1, a_view(), counted=False)))


def test_a_turn_without_tools_still_has_its_rows() -> None:
    assert "first turn" in _shown(explain(_kept(1, replace(a_view(), tools=()))))
