"""Everybody whose page is in the room: who sits where, what all are told, and when a seat is given up.

Each event and each piece of sound becomes bytes once, however many listen.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self

from sensorium.errors import BadInput, SensoriumError
from sensorium.front.audience import Piece
from sensorium.front.background import Background
from sensorium.front.house import House
from sensorium.front.server.logs import EventLog
from sensorium.front.server.outbox import Closed, Outbox
from sensorium.front.server.seat import Seat
from sensorium.front.told import message, recipe_card
from sensorium.store import rooms
from sensorium.wire import page
from sensorium.wire.events import Cleared, Event, Member

# A laptop that sleeps, a lift, a reload: so long the seat is kept.
KEPT_S = 30.0
MAX_SEATS = 32
_STATS_EVERY_S = 1.0
_LEAVING_S = 1.0
_log = logging.getLogger("sensorium.room")


class Hall:
    """`async with`, round everything that serves pages."""

    def __init__(self, house: House, log: EventLog, *, kept_s: float = KEPT_S) -> None:
        self._house = house
        self._log = log
        self._kept_s = kept_s
        self._seats: dict[str, Seat] = {}  # by person
        self._joining = asyncio.Lock()
        self._background = Background()
        self._stack = AsyncExitStack()
        self._last_sound: tuple[Piece | None, bytes] = (None, b"")

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._send_guests_home()
            stack.push_async_callback(self._close)
            await stack.enter_async_context(self._background)
            stack.enter_context(self._house.happenings.told_to(self._tell_all))
            self._background.start(self._measure())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)

    async def join(self, asked: page.Join, outbox: Outbox) -> Seat:
        """The seat of an earlier connection, or of that name, or a new one; the page is welcomed.

        Raises BadInput: somebody of that name is here, a persona has it, the room is full.
        """
        async with self._joining:
            seat = next(
                (s for s in self._seats.values() if asked.session and s.session == asked.session), None
            )
            if seat is None:
                seat = await self._sit_down(asked.name)
            seat.connect(outbox, self._welcome(seat, asked.last_entry_id))
            _log.info("joined", extra={"said": {"person": seat.person.id}})
            return seat

    def lost(self, seat: Seat, outbox: Outbox) -> None:
        """The connection has ended; the seat is kept for a while."""
        if seat.outbox is outbox:
            seat.disconnect()
            self._background.start(self._leave_later(seat))

    def num_connected(self) -> int:
        return sum(seat.outbox is not None for seat in self._seats.values())

    def close_all(self, closed: Closed) -> None:
        for seat in self._seats.values():
            if seat.outbox is not None:
                seat.outbox.close(closed)

    async def _sit_down(self, name: str) -> Seat:
        person = await self._house.person_called(name)
        seat = self._seats.get(person.id)
        if seat is not None and seat.outbox is not None:
            raise BadInput(
                f"{person.name} is here already", remedy="take another name, or close the other page"
            )
        if seat is None:
            if len(self._seats) >= MAX_SEATS:
                raise BadInput(f"the room is full: {MAX_SEATS} people", remedy="come back later")
            guest = await self._house.come_in(person)
            seat = Seat(self._house, person, self._background.start, self._sound, guest=guest)
            self._seats[person.id] = seat
        return seat

    def _welcome(self, seat: Seat, last_entry_id: int) -> page.Welcome:
        room = self._house.room
        entries = [e for e in room.entries if e.id > last_entry_id][-page.MAX_HISTORY :]
        return page.Welcome(
            you=Member(seat.person.id, seat.person.name),
            session=seat.session,
            room=Member(room.room.id, room.room.name),
            personas=tuple(page.PersonaCard(p.id, p.name, p.description) for p in room.personas),
            people=tuple(Member(p.id, p.name) for p in room.room.people),
            history=tuple(message(entry) for entry in entries),
            camera=self._house.vision is not None,
            recipe=recipe_card(room.room.recipe),
            protocol=page.PROTOCOL,
        )

    async def _send_guests_home(self) -> None:
        """Those whom a room that died has left behind."""
        room = self._house.room
        for person_id in await asyncio.wrap_future(self._house.store.read(rooms.guests, room.room.id)):
            await room.leave(person_id)

    async def _leave_later(self, seat: Seat) -> None:
        """Unless they are back by then."""
        away = seat.num_connected
        await asyncio.sleep(self._kept_s)
        async with self._joining:
            if seat.num_connected == away and self._seats.get(seat.person.id) is seat:
                del self._seats[seat.person.id]
                seat.leave()
                _log.info("left", extra={"said": {"person": seat.person.id}})
                if seat.guest:
                    # Whoever was taken out by other means has gone already.
                    with suppress(SensoriumError):
                        await self._house.leave(seat.person.id)

    async def _close(self) -> None:
        """Guests do not stay behind in the store."""
        with suppress(TimeoutError, SensoriumError):
            async with asyncio.timeout(_LEAVING_S):
                for seat in self._seats.values():
                    seat.leave()
                    if seat.guest:
                        # Not through the house: nobody will read the prompts that it would refill.
                        await self._house.room.leave(seat.person.id)

    def _tell_all(self, event: Event) -> None:
        self._log.note(event)
        data = page.encode(event)
        for seat in self._seats.values():
            if seat.outbox is not None:
                if isinstance(event, Cleared):
                    seat.outbox.forget_sound()
                seat.outbox.put(data)

    def _sound(self, piece: Piece) -> bytes:
        last, data = self._last_sound
        if piece is not last:
            turn_id, persona_id, rate_hz, first_sample, pcm = piece
            data = page.encode(page.Audio(turn_id, persona_id, rate_hz, first_sample), pcm)
            self._last_sound = (piece, data)
        return data

    async def _measure(self) -> None:
        while True:
            await asyncio.sleep(_STATS_EVERY_S)
            watching = [s.outbox for s in self._seats.values() if s.watches and s.outbox is not None]
            if watching and (measured := self._house.measured()):
                data = page.encode(_stats(measured))
                for outbox in watching:
                    outbox.put(data)


def _stats(measured: dict[str, Any]) -> page.Stats:
    return page.Stats(
        stages={
            name: {
                at: row[at] for at in ("p50", "p95", "p99", "max", "count", "budget", "missed") if at in row
            }
            for name, row in measured["stages"].items()
        },
        ladders=measured["ladders"],
        rss_mb=measured["rss_mb"],
        loop_lag_ms=measured["loop_lag_ms"],
        hit_rate=measured["workers"].get("llm", {}).get("hit_rate", 0.0),
    )
