"""What people do with pointer, keys and page, as the sentences that personas perceive it in.

Pure: time is an argument. Many events become few gestures, of which the newest one or two are told, for some
seconds. Which key was pressed is never known here: what is typed is nobody's business before it is sent.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec

from sensorium.errors import BadInput

MAX_MESSAGE_BYTES = 1 << 16
MAX_EVENTS = 256
FRAME_S = 0.016
EXPIRE_S = 8.0
MAX_SENTENCES = 2
MAX_PEOPLE = 64
# A wave: the pointer turns so often within this time, each time so far from its last turn.
_WAVE_TURNS, _WAVE_S, _WAVE_SHARE = 3, 1.5, 0.03

_Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Touched(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """One event of one person's page. `target`: id of the persona that it is on, or "". `x`, `y`: shares of
    the page's width and height, from its top left corner. "key": some key; "show", "hide": the whole page."""

    kind: Literal["move", "press", "release", "cancel", "key", "focus", "blur", "show", "hide"]
    target: Annotated[str, msgspec.Meta(max_length=64)] = ""
    x: _Share = 0.0
    y: _Share = 0.0


_decoder = msgspec.msgpack.Decoder(Annotated[tuple[Touched, ...], msgspec.Meta(max_length=MAX_EVENTS)])


def read(message: bytes) -> tuple[Touched, ...]:
    """A MessagePack array of at most 256 `Touched`, oldest first, as a page sends it once a frame.

    Raises BadInput for anything else, in one line.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise BadInput(f"touches have at most {MAX_MESSAGE_BYTES:,} bytes at once, not {len(message):,}")
    try:
        events: tuple[Touched, ...] = _decoder.decode(message)
    except (ValueError, RecursionError) as e:
        raise BadInput(f"these are no touches: {e}") from e
    return events


Did = Literal["touches", "waves", "near", "back", "away", "types"]


class Gesture(NamedTuple):
    """What a person did, to the persona `target` or to nobody ("")."""

    person_name: str
    did: Did
    target: str
    at_s: float


# What a mind of a closed world was taught; it cannot read the rest.
_CLOSED: dict[Did, str] = {
    "touches": "touches you",
    "waves": "waves",
    "near": "comes near",
    "back": "comes near",
}
_PROSE: dict[Did, str] = {
    "touches": "touches {}.", "waves": "waves.", "near": "comes near {}.", "back": "comes back.",
    "away": "looks away.", "types": "is typing.",
}  # fmt: skip
# Done to one persona; the others of a closed world have no word for it.
_TO_ONE = ("touches", "near")
# Of these only the later is told.
_INSTEAD: dict[Did, tuple[Did, ...]] = {"touches": ("near",), "back": ("away",), "away": ("back", "types")}


class _Hand:
    """One person's pointer and page, as far as the next gesture depends on it."""

    def __init__(self) -> None:
        self.over = ""
        self.pressed = ""
        self.away = False
        self.moved_s = -math.inf
        self.turn_x: float | None = None  # where the pointer turned last, or came in
        self.direction = 0
        self.turns_s: deque[float] = deque(maxlen=_WAVE_TURNS)

    def notice(self, event: Touched, now_s: float) -> tuple[Did, str] | None:
        """What this event completes, and to whom."""
        match event.kind:
            case "move":
                return self._move(event, now_s)
            case "press":
                self.pressed = event.target
            case "release":
                pressed, self.pressed = self.pressed, ""
                return ("touches", pressed) if pressed and pressed == event.target else None
            case "cancel":
                self.pressed = ""
            case "key":
                return ("types", "")
            case "blur" | "hide":
                was_away, self.away = self.away, True
                return None if was_away else ("away", "")
            case "focus" | "show":
                was_away, self.away = self.away, False
                return ("back", "") if was_away else None
        return None

    def _move(self, event: Touched, now_s: float) -> tuple[Did, str] | None:
        came = event.target != self.over
        if not came and 0.0 <= now_s - self.moved_s < FRAME_S:
            return None
        self.over, self.moved_s = event.target, now_s
        if came:
            self.turn_x, self.direction = event.x, 0
            self.turns_s.clear()
            return ("near", event.target) if event.target else None
        return ("waves", event.target) if self._waved(event.x, now_s) else None

    def _waved(self, x: float, now_s: float) -> bool:
        far = x - (self.turn_x if self.turn_x is not None else x)
        direction = (far > _WAVE_SHARE) - (far < -_WAVE_SHARE)
        if self.pressed or not direction:
            return False
        self.turn_x = x
        turned, self.direction = direction == -self.direction, direction
        if not turned:
            return False
        self.turns_s.append(now_s)
        if len(self.turns_s) < _WAVE_TURNS or not 0.0 <= now_s - self.turns_s[0] <= _WAVE_S:
            return False
        self.turns_s.clear()
        return True


class Touches:
    """What was done in one room lately. `prose` false: told only in words that a closed world knows."""

    def __init__(self, *, prose: bool = True) -> None:
        self._prose = prose
        self._hands: dict[str, _Hand] = {}  # by person, who was longest idle first
        self._gestures: dict[tuple[str, Did], Gesture] = {}  # oldest first

    def take(self, person_id: str, person_name: str, events: Iterable[Touched], now_s: float) -> None:
        """What the person's page sent, oldest first. `now_s`: when it came; no page's clock is believed."""
        hand = self._hands.pop(person_id, None) or _Hand()
        self._hands[person_id] = hand
        if len(self._hands) > MAX_PEOPLE:
            self._forget(next(iter(self._hands)))
        if any(gesture.at_s > now_s for gesture in self._gestures.values()):
            self._gestures.clear()  # the clock went back
        for event in events:
            if (noticed := hand.notice(event, now_s)) is not None:
                self._add(person_id, Gesture(person_name, *noticed, now_s))

    def forget(self) -> None:
        """Nothing was done."""
        self._hands.clear()
        self._gestures.clear()

    def percepts(self, persona_id: str, names: Mapping[str, str], now_s: float) -> tuple[str, ...]:
        """At most two sentences for this persona, oldest first. `names`: of the room's personas, by id."""
        fresh = (g for g in self._gestures.values() if 0.0 <= now_s - g.at_s < EXPIRE_S)
        told = [text for gesture in fresh if (text := self._text(gesture, persona_id, names))]
        # Two gestures may be the same words.
        newest = list(dict.fromkeys(reversed(told)))[:MAX_SENTENCES]
        return tuple(reversed(newest))

    def _add(self, person_id: str, gesture: Gesture) -> None:
        for did in (gesture.did, *_INSTEAD.get(gesture.did, ())):
            self._gestures.pop((person_id, did), None)
        self._gestures[person_id, gesture.did] = gesture

    def _forget(self, person_id: str) -> None:
        del self._hands[person_id]
        self._gestures = {key: kept for key, kept in self._gestures.items() if key[0] != person_id}

    def _text(self, gesture: Gesture, persona_id: str, names: Mapping[str, str]) -> str:
        person, did, target, _ = gesture
        to_you = target == persona_id
        if not self._prose:
            told = _CLOSED.get(did, "") if to_you or did not in _TO_ONE else ""
            return f"{person} {told}" if told else ""
        whom = "you" if to_you else names.get(target, "")
        if did in _TO_ONE and not whom:
            return ""
        return f"{person} {_PROSE[did].format(whom)}"
