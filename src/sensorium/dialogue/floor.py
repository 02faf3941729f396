"""Who answers: whom the words call, else whom the model expects, else who is already talking with the person,
else the room's policy; and who speaks on when a persona has spoken.

Pure. One voice at a time: while somebody speaks, nobody else gets the floor. To one thing that a person says
only so many personas are asked as the rules allow, whoever asks: every time that somebody is, one more has
replied or passed, so there is a last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sensorium.dialogue import names
from sensorium.recipe import FloorRules

# What the model must give a persona at least. Below it, it may only not have understood
# (docs/decisions/0016-who-answers.md).
LEAST_EXPECTED = 0.5
_UNASKED: Mapping[str, float] = MappingProxyType({})
_RULES = FloorRules()
# Of what a person says: somebody was meant by name, in the words or beside them.
CALLED = ("named", "asked")


class Seat(NamedTuple):
    persona_id: str
    name: str


class RoomNow(NamedTuple):
    """What the floor must know of a room. Ids are "" for nobody.

    `last_persona_id`: who spoke last; `last_spoke_s_ago`: since when they are quiet. `speaking_id`: who
    speaks now. Since a person last spoke: `replied_ids` who replied, and `passed_ids` who was asked and
    stayed silent, each in order. `called`: that person meant one of them by name.
    """

    seats: tuple[Seat, ...]
    last_persona_id: str = ""
    last_spoke_s_ago: float = 0.0
    speaking_id: str = ""
    replied_ids: tuple[str, ...] = ()
    passed_ids: tuple[str, ...] = ()
    called: bool = False


class Choice(NamedTuple):
    """`why`: "named", "model", "running", "mentioned", "policy", "round", "chain", or for nobody "busy",
    "bound", "policy"."""

    persona_id: str | None
    why: str


class Floor:
    """See `FloorRules`. In a running exchange whoever spoke last is meant for `exchange_s`; "round_robin"
    knows no exchange and asks no model: the next seat is the next seat."""

    def __init__(self, rules: FloorRules = _RULES) -> None:
        self._rules = rules

    def choose(self, words: str, room: RoomNow, expected: Mapping[str, float] = _UNASKED) -> Choice:
        """The persona of `room` that answers a person's `words`, or nobody.

        `expected`: of persona ids, how likely the model thinks that each answers, 0 to 1; empty when it was
        not asked. It may give the floor, never take it away.
        """
        if room.speaking_id:
            return Choice(None, "busy")
        called = names.addressed(words, [s.name for s in room.seats])
        if called is not None and called.rank < names.ABOUT_RANK:
            return Choice(room.seats[called.at].persona_id, "named")
        if self._rules.policy == "round_robin":
            return self._by_policy(room)
        likely = [s.persona_id for s in room.seats if expected.get(s.persona_id, 0.0) >= LEAST_EXPECTED]
        # Two, where the model was asked for what both names begin with.
        if len(likely) == 1:
            return Choice(likely[0], "model")
        if self._runs(room):
            return Choice(room.last_persona_id, "running")
        if called is not None:
            return Choice(room.seats[called.at].persona_id, "mentioned")
        return self._by_policy(room)

    def follow(self, said: str, room: RoomNow) -> Choice:
        """Who speaks on when somebody was asked: whoever replied last `said` that; "" when nobody has yet.

        Never who said it. Whoever is "named" or in a "chain" goes on from what was said; in a "round", and
        where nothing was, they answer the person.
        """
        if room.speaking_id:
            return Choice(None, "busy")
        speaker_id = room.replied_ids[-1] if room.replied_ids else ""
        if self._rules.follow == "called":
            seats = [s for s in room.seats if s.persona_id != speaker_id]
            choice = Choice(_called(said, seats), "named")
        else:
            choice = Choice(self._next(speaker_id, room), self._rules.follow)
        if choice.persona_id is None:
            return Choice(None, "policy")
        spent = len(room.replied_ids) + len(room.passed_ids)
        return choice if spent < self._rules.max_persona_replies else Choice(None, "bound")

    def _next(self, speaker_id: str, room: RoomNow) -> str | None:
        """The next seat behind whoever spoke, or passed while nobody had spoken."""
        is_round = self._rules.follow == "round"
        before = speaker_id or (room.passed_ids[-1] if room.passed_ids else "")
        # Whoever is called answers for nobody else; but a story that they begin goes on.
        if not before or (room.called and (is_round or not speaker_id)):
            return None
        had_it = {speaker_id, *room.passed_ids, *(room.replied_ids if is_round else ())}
        ids = [s.persona_id for s in room.seats]
        at = ids.index(before) + 1 if before in ids else 0
        return next((i for i in (*ids[at:], *ids[:at]) if i not in had_it), None)

    def _runs(self, room: RoomNow) -> bool:
        present = any(s.persona_id == room.last_persona_id for s in room.seats)
        return present and room.last_spoke_s_ago <= self._rules.exchange_s

    def _by_policy(self, room: RoomNow) -> Choice:
        policy, ids = self._rules.policy, [s.persona_id for s in room.seats]
        if len(ids) == 1:
            return Choice(ids[0], "policy")
        if not ids or policy == "addressed":
            return Choice(None, "policy")
        at = ids.index(room.last_persona_id) if room.last_persona_id in ids else None
        if policy == "last_speaker":
            return Choice(ids[at or 0], "policy")
        return Choice(ids[0 if at is None else (at + 1) % len(ids)], "policy")


def _called(said: str, seats: list[Seat]) -> str | None:
    called = names.addressed(said, [s.name for s in seats])
    # Who lists everybody calls nobody.
    named = [s for s in seats if names.addressed(said, [s.name]) is not None]
    if called is None or called.rank >= names.ABOUT_RANK or len(named) > 1:
        return None
    return seats[called.at].persona_id
