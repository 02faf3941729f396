from __future__ import annotations

import pytest
from msgspec.structs import replace

from sensorium.errors import BadInput
from sensorium.history import Entry, check

GOOD = Entry(id=1, kind="person", text="hi", speaker_id="joe", speaker_name="Joe")


def test_a_good_entry_passes_unchanged() -> None:
    assert check(GOOD) is GOOD
    assert check(Entry(id=2, kind="event", text="joe leaves"))


@pytest.mark.parametrize(
    "change",
    [{"text": " "}, {"text": "x" * 8_001}, {"speaker_name": "x" * 81}, {"speaker_id": ""}, {"kind": "shout"}],
)
def test_an_entry_no_prompt_should_hold_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        check(replace(GOOD, **change))
