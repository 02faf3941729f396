"""Given a room, when things are said in it, then they stand there in order, as they were heard."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.store import media, messages
from sensorium.store.store import Store

ROOM = "living-room"


def test_a_message_comes_back_as_it_was_said(store: Store) -> None:
    sha256 = store.submit(media.put, b"RIFF", "audio/wav").result()
    entry = store.submit(
        messages.append, ROOM, "persona", "i like app", at_s=5.0, speaker_id="maya", speaker_name="Maya",
        spoken="i like apples", heard_samples=9_000, turn_id=7, media_sha256=sha256,
    ).result()  # fmt: skip
    (message,) = store.read(messages.tail, ROOM, 5).result()
    assert message == messages.Message(
        entry=entry, room_id=ROOM, spoken="i like apples", heard_samples=9_000, turn_id=7, media_sha256=sha256
    )
    assert (entry.kind, entry.text, entry.speaker_id, entry.at_s) == ("persona", "i like app", "maya", 5.0)


def test_the_tail_is_the_newest_oldest_first(store: Store) -> None:
    for i in range(5):
        store.submit(messages.append, ROOM, "event", f"event {i}", at_s=float(i)).result()
    assert [e.text for e in store.read(messages.entries, ROOM, 3).result()] == [
        "event 2",
        "event 3",
        "event 4",
    ]
    assert store.read(messages.entries, "elsewhere", 3).result() == []


def test_the_last_turn_id_is_found_again(store: Store) -> None:
    assert store.read(messages.last_turn_id).result() == 0
    store.submit(messages.append, ROOM, "event", "a", at_s=1.0, turn_id=41).result()
    store.submit(messages.append, ROOM, "event", "b", at_s=1.0, turn_id=9).result()
    assert store.read(messages.last_turn_id).result() == 41


@pytest.mark.parametrize(
    ("kind", "text", "speaker_id"),
    [("event", "", ""), ("person", "hello", ""), ("shout", "hello", "sam"), ("event", "x" * 9_000, "")],
)
def test_what_no_prompt_could_hold_is_refused(store: Store, kind: str, text: str, speaker_id: str) -> None:
    with pytest.raises(BadInput):
        store.submit(messages.append, ROOM, kind, text, at_s=1.0, speaker_id=speaker_id).result()
    with pytest.raises(BadInput, match="spoken"):
        store.submit(messages.append, ROOM, "event", "x", at_s=1.0, spoken="y" * 9_000).result()
    assert store.read(messages.entries, ROOM, 3).result() == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(str.strip))
def test_any_text_comes_back_unchanged(store: Store, text: str) -> None:
    entry = store.submit(messages.append, ROOM, "event", text, at_s=1.0).result()
    assert store.read(messages.entries, ROOM, 1).result() == [entry]
