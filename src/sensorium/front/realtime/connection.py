"""A Realtime session in the house: carries out what the session's state machine asks of the room.

A person of the room, whose every turn is for one persona. Knows nothing of sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

from sensorium.front.audience import Piece
from sensorium.front.house import House
from sensorium.front.realtime import wishes
from sensorium.front.realtime.answering import Answering
from sensorium.front.realtime.inside import Inside
from sensorium.front.realtime.senses import Senses
from sensorium.front.realtime.server_events import ServerEvent
from sensorium.front.realtime.session import Session
from sensorium.persona import Persona
from sensorium.store.people import Person
from sensorium.wire.events import Event


class _Over(Exception):
    """Ends what is under way."""


class Connection:
    """Made for one client; `run` it. `receive` gives the session what a message of the client says; `send`
    takes each event for it and never waits."""

    def __init__(
        self,
        house: House,
        session: Session,
        persona: Persona,
        person: Person,
        receive: Callable[[str | bytes], None],
        send: Callable[[ServerEvent], None],
    ) -> None:
        self._house = house
        self._session = session
        self._persona = persona
        self._person = person
        self._receive = receive
        self._send = send

    async def run(self, messages: AsyncIterator[str | bytes]) -> None:
        """Until the client's messages end; then what is under way for it is stopped."""
        with ExitStack() as stack:
            listener = stack.enter_context(self._house.audience.listening(self._hear))
            try:
                async with asyncio.TaskGroup() as tasks:
                    inside = Inside(
                        self._house,
                        self._session,
                        self._persona,
                        self._person,
                        tasks.create_task,
                        self.flush,
                    )
                    self._answering = Answering(inside, listener)
                    self._senses = Senses(inside, self._answering)
                    stack.enter_context(self._house.happenings.told_to(self._told))
                    self.flush()
                    async for message in messages:
                        self._receive(message)
                        self.flush()
                        # Whoever floods us shares the loop with the room.
                        await asyncio.sleep(0)
                    await self._answering.end()
                    raise _Over
            except* _Over:
                pass

    def flush(self) -> None:
        """Sends what the session says and does what it wishes."""
        while came := self._session.take():
            for out in came:
                if isinstance(out, ServerEvent):
                    self._send(out)
                else:
                    self._do(out)

    @property
    def turn_id(self) -> int:
        """Of the turn of the room that the client is being answered with, else 0."""
        return self._answering.turn_id

    def reply_ms(self, samples: int) -> float:
        """How long so many samples of its sound are."""
        return self._answering.reply_ms(samples)

    def _do(self, wish: wishes.Action) -> None:
        match wish:
            case wishes.OpenEar():
                self._senses.open_ear(wish)
            case wishes.Feed(pcm=pcm):
                self._senses.feed(pcm)
            case wishes.CloseEar(item_id=item_id):
                self._senses.close_ear(item_id)
            case wishes.DropEar():
                self._senses.drop_ear()
            case wishes.Hear():
                self._senses.hear(wish)
            case wishes.Look(picture=picture, event_id=event_id):
                self._senses.look(picture, event_id)
            case wishes.Answer():
                self._answering.answer(wish)
            case wishes.Stop():
                self._answering.stop()
            case wishes.HeardUntil(ms=ms):
                self._answering.heard_until(ms)

    def _told(self, event: Event) -> None:
        self._answering.told(event)
        self._senses.told(event)

    def _hear(self, piece: Piece) -> None:
        """A client hears only replies to itself, which come through `Voice`, and its persona's to others."""
        self._answering.hear(piece)
