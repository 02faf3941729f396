"""Given several listeners, when a reply sounds, then all have it, and what was heard is its leader's word."""

from __future__ import annotations

import pytest

from sensorium.clock import ManualClock
from sensorium.dialogue.turn import Turns
from sensorium.front.audience import Audience, Listener, Piece
from sensorium.wire.events import Cleared, Event, Held, Resumed

pytestmark = pytest.mark.anyio

RATE = 16_000
PCM = b"\x01\x00" * 1_600


class Room:
    """An audience with two listeners in the middle of a turn."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.turns, self.told = clock, Turns(5), list[Event]()
        self.audience = Audience(clock, self.turns, self.told.append)
        self.pieces: list[Piece] = []

    async def say(self) -> int:
        turn = self.turns.current or self.turns.open("maya", "hello")
        await self.audience.send(turn.turn_id, PCM, RATE)
        return turn.turn_id


@pytest.fixture
def room(clock: ManualClock) -> Room:
    return Room(clock)


async def test_everybody_is_given_every_piece_and_who_speaks(room: Room) -> None:
    others: list[Piece] = []
    with room.audience.listening(room.pieces.append):
        await room.say()
        with room.audience.listening(others.append):
            await room.say()
        await room.say()

    assert [p.first_sample for p in room.pieces] == [0, 1_600, 3_200]
    assert others == [Piece(5, "maya", RATE, 1_600, PCM)]


async def heard(room: Room, listener: Listener) -> int:
    return room.audience.led_by(listener).heard_samples(5)


async def test_what_was_heard_is_the_leaders_word_and_never_more_than_was_sent(room: Room) -> None:
    with (
        room.audience.listening(room.pieces.append) as leader,
        room.audience.listening(lambda piece: None) as other,
    ):
        await room.say()
        leader.heard(5, 700)
        room.clock.advance(0.0625)
        assert await heard(room, leader) == 700
        assert await heard(room, other) == 1_000  # it said nothing: time's word
        leader.heard(5, 9_000)
        assert await heard(room, leader) == 1_600
        leader.heard(4, 1)  # late, of an older turn
        assert await heard(room, leader) == 1_600


async def test_a_leader_that_has_gone_quiet_is_not_believed_but_one_that_was_held_is(room: Room) -> None:
    with room.audience.listening(room.pieces.append) as leader:
        await room.say()
        leader.heard(5, 100)
        room.clock.advance(0.5)
        await room.audience.hold(5)
        room.clock.advance(5.0)
        assert await heard(room, leader) == 100
        await room.audience.resume(5)
        assert await heard(room, leader) == 1_600


async def test_held_resumed_and_cleared_are_told_and_what_comes_late_is_dropped(room: Room) -> None:
    with room.audience.listening(room.pieces.append):
        turn_id = await room.say()
        await room.audience.hold(turn_id)
        await room.audience.resume(turn_id)
        await room.audience.clear(turn_id)
        await room.say()

    assert room.told == [Held(5), Resumed(5), Cleared(5)]
    assert len(room.pieces) == 1
