"""One exchange: what was heard, who answers, how far the answer has come.

Knows nothing of sound, sockets or time. A turn is known by a number that only grows, so that what arrives
late can be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TurnState(StrEnum):
    THINKING = "thinking"
    SPEAKING = "speaking"
    DONE = "done"
    SILENT = "silent"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


_OPEN = frozenset({TurnState.THINKING, TurnState.SPEAKING})
_NEXT: dict[TurnState, frozenset[TurnState]] = {
    TurnState.THINKING: frozenset(TurnState) - {TurnState.THINKING},
    TurnState.SPEAKING: frozenset({TurnState.DONE, TurnState.INTERRUPTED, TurnState.FAILED}),
}


@dataclass(slots=True)
class Turn:
    """`persona_id` is who answers, "" when nobody does. `said` grows while the reply is decoded."""

    turn_id: int
    persona_id: str
    heard: str
    said: str = ""
    state: TurnState = TurnState.THINKING

    @property
    def is_open(self) -> bool:
        return self.state in _OPEN


class Turns:
    """Every turn of one room, in order. Keeps two promises: ids only grow, one voice at a time."""

    def __init__(self, first_id: int = 1) -> None:
        self._next_id = first_id
        self._current: Turn | None = None
        self._speaking: Turn | None = None

    @property
    def current(self) -> Turn | None:
        """The newest turn, while it is open."""
        return self._current if self._current is not None and self._current.is_open else None

    @property
    def speaking(self) -> Turn | None:
        return self._speaking

    def open(self, persona_id: str, heard: str) -> Turn:
        """Starts the next turn. Raises ValueError while the previous one is open: end it first."""
        if self.current is not None:
            raise ValueError(f"turn {self.current.turn_id} is still {self.current.state}")
        turn = Turn(self._next_id, persona_id, heard)
        self._next_id += 1
        self._current = turn
        return turn

    def move(self, turn: Turn, state: TurnState) -> None:
        """Raises ValueError for a step that no turn can take, such as speaking after it was done."""
        if state not in _NEXT.get(turn.state, frozenset()):
            raise ValueError(f"turn {turn.turn_id} cannot go from {turn.state} to {state}")
        turn.state = state
        if state is TurnState.SPEAKING:
            self._speaking = turn
        elif self._speaking is turn:
            self._speaking = None
