"""Whom the floor has asked since a person last spoke, and what came of it. Pure; the clock is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from sensorium.dialogue.floor import Choice, Floor, RoomNow, Seat
from sensorium.history import Entry


class Asked:
    """A new one whenever a person has spoken. `called`: they meant a persona by name."""

    def __init__(self, *, called: bool = False) -> None:
        self._called = called
        self._passed_ids: tuple[str, ...] = ()

    def passes(self, persona_id: str) -> None:
        """It was asked and stayed silent."""
        self._passed_ids += (persona_id,)

    def now(self, seats: tuple[Seat, ...], entries: Sequence[Entry], wall_s: float) -> RoomNow:
        """The room as the floor sees it. `entries`: the conversation, oldest first."""
        said = _said(entries)
        last = next((e for e in reversed(said) if e.kind == "persona"), None)
        since = takewhile(lambda e: e.kind == "persona", reversed(said))
        return RoomNow(
            seats=seats,
            last_persona_id=last.speaker_id if last is not None else "",
            last_spoke_s_ago=wall_s - last.at_s if last is not None else 0.0,
            replied_ids=tuple(e.speaker_id for e in since)[::-1],
            passed_ids=self._passed_ids,
            called=self._called,
        )

    def follow(self, floor: Floor, room: RoomNow, entries: Sequence[Entry]) -> tuple[Choice, Entry | None]:
        """Who speaks on, and what they answer: what was said last, or what the person asked."""
        said = _said(entries)
        asked = next((e for e in reversed(said) if e.kind == "person"), None)
        last = said[-1] if room.replied_ids else None
        choice = floor.follow(last.text if last is not None else "", room)
        return choice, asked if last is None or choice.why == "round" else last


def _said(entries: Sequence[Entry]) -> list[Entry]:
    """Without who came and went."""
    return [e for e in entries if e.kind != "event"]
