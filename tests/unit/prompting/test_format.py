from __future__ import annotations

import msgspec
import pytest
from tests.unit.prompting.views import NANO

from sensorium.errors import BundleError
from sensorium.prompting.format import from_bundle
from sensorium.request import Part


def test_a_frame_stands_round_name_and_text() -> None:
    parts = NANO.framed(NANO.person, " hi", " joe")
    assert [(p.text, p.special) for p in parts] == [
        ("<|person|>", True), (" joe", False), ("<|says|>", True), (" hi", False), ("<|end|>", True),
    ]  # fmt: skip


@pytest.mark.parametrize("token", ["<|person|>", "<|says|>", "<|end|>"])
def test_a_person_named_like_a_token_changes_neither_frame_nor_name(token: str) -> None:
    parts = NANO.framed(NANO.person, token, token)
    assert parts[0] == Part("<|person|>", True)
    assert parts[1] == Part(token, False)
    assert parts[2] == Part("<|says|>", True)
    assert parts[3] == Part(token, False)


@pytest.mark.parametrize(
    "change",
    [{"text_form": "shouted"}, {"silent": "<|nothing|>"}, {"rules": {"opens": []}}, {"special_tokens": "x"}],
)
def test_a_wrong_table_is_refused(change: dict[str, object]) -> None:
    table = msgspec.to_builtins(NANO) | change
    with pytest.raises(BundleError, match="prompt"):
        from_bundle(table)


def test_the_reply_opens_as_the_persona_s_own_entries_do() -> None:
    assert NANO.reply_open() == NANO.framed(NANO.self_, " yes .")[:1]
