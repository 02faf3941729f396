"""Who answers: whom the words call, else whom the model expects, else who is already talking with the person,
else the room's policy.

Pure. One voice at a time: while somebody speaks, nobody else gets the floor. Personas may answer one another,
up to a bound, and only when they are called by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sensorium.dialogue import names
from sensorium.recipe import FloorPolicy

# What the model must give a persona at least. Below it, it may only not have understood
# (docs/decisions/0016-who-answers.md).
LEAST_EXPECTED = 0.5
_UNASKED: Mapping[str, float] = MappingProxyType({})


class Seat(NamedTuple):
    persona_id: str
    name: str


class RoomNow(NamedTuple):
    """What the floor must know of a room. Ids are "" for nobody.

    `from_persona_id`: who said the words, "" for a person. `last_persona_id`: who spoke last;
    `last_spoke_s_ago`: since when they are quiet. `speaking_id`: who speaks now. `num_persona_replies`:
    replies of personas since a person last spoke.
    """

    seats: tuple[Seat, ...]
    last_persona_id: str = ""
    last_spoke_s_ago: float = 0.0
    speaking_id: str = ""
    from_persona_id: str = ""
    num_persona_replies: int = 0


class Choice(NamedTuple):
    """`why`: "named", "model", "running", "mentioned", "policy", or for nobody "busy", "bound", "policy"."""

    persona_id: str | None
    why: str


class Floor:
    """`policy` answers words that call nobody outside a running exchange (`exchange_s` since the last reply).

    "addressed": nobody, unless there is only one persona. "last_speaker": whoever spoke last, at first the
    first seat. "round_robin": the seat after the last speaker's.
    """

    def __init__(
        self, policy: FloorPolicy = "addressed", *, max_persona_replies: int = 2, exchange_s: float = 120.0
    ) -> None:
        self._policy = policy
        self._max_persona_replies = max_persona_replies
        self._exchange_s = exchange_s

    def choose(self, words: str, room: RoomNow, expected: Mapping[str, float] = _UNASKED) -> Choice:
        """The persona of `room` that answers `words`, or nobody. Never the one who said them.

        `expected`: of persona ids, how likely the model thinks that each answers a person's words, 0 to 1;
        empty when it was not asked. It may give the floor, never take it away.
        """
        if room.speaking_id:
            return Choice(None, "busy")
        seats = [s for s in room.seats if s.persona_id != room.from_persona_id]
        called = names.addressed(words, [s.name for s in seats])
        if room.from_persona_id:
            return self._between_personas(words, called, seats, room)
        if called is not None and called.rank < names.ABOUT_RANK:
            return Choice(seats[called.at].persona_id, "named")
        likely = [s.persona_id for s in seats if expected.get(s.persona_id, 0.0) >= LEAST_EXPECTED]
        # Two, where the model was asked for what both names begin with.
        if len(likely) == 1:
            return Choice(likely[0], "model")
        if self._runs(room):
            return Choice(room.last_persona_id, "running")
        if called is not None:
            return Choice(seats[called.at].persona_id, "mentioned")
        return self._by_policy(room)

    def _between_personas(
        self, words: str, called: names.Named | None, seats: list[Seat], room: RoomNow
    ) -> Choice:
        # Who lists everybody calls nobody.
        named = [s for s in seats if names.addressed(words, [s.name]) is not None]
        if called is None or called.rank >= names.ABOUT_RANK or len(named) > 1:
            return Choice(None, "policy")
        if room.num_persona_replies >= self._max_persona_replies:
            return Choice(None, "bound")
        return Choice(seats[called.at].persona_id, "named")

    def _runs(self, room: RoomNow) -> bool:
        present = any(s.persona_id == room.last_persona_id for s in room.seats)
        return present and room.last_spoke_s_ago <= self._exchange_s

    def _by_policy(self, room: RoomNow) -> Choice:
        ids = [s.persona_id for s in room.seats]
        if len(ids) == 1:
            return Choice(ids[0], "policy")
        if not ids or self._policy == "addressed":
            return Choice(None, "policy")
        at = ids.index(room.last_persona_id) if room.last_persona_id in ids else None
        if self._policy == "last_speaker":
            return Choice(ids[at or 0], "policy")
        return Choice(ids[0 if at is None else (at + 1) % len(ids)], "policy")
