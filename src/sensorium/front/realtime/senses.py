"""What a Realtime client gives the room to hear and to see. Knows nothing of replies, but for what is said
over one."""

from __future__ import annotations

import asyncio

from sensorium.errors import BadInput, SensoriumError
from sensorium.front.listening import Utterance, at_once
from sensorium.front.realtime import wishes
from sensorium.front.realtime.answering import Answering
from sensorium.front.realtime.ear import Ear, ears_of
from sensorium.front.realtime.inside import Inside
from sensorium.wire.events import Event, Hearing, Listening


class Senses:
    """The ear of a session, its recordings and its pictures."""

    def __init__(self, inside: Inside, answering: Answering) -> None:
        self._inside = inside
        self._answering = answering
        self._ear: tuple[Ear, asyncio.Task[None]] | None = None
        self._clips = 0
        self._next_look: tuple[bytes, str] | None = None
        self._looking = False

    def told(self, event: Event) -> None:
        """What happens in the room."""
        match event:
            case Listening(person_id=person_id) | Hearing(person_id=person_id):
                if person_id == self._inside.person.id and self._ear is not None and not self._clips:
                    replying = bool(self._inside.house.conversation.running.turn_id)
                    self._ear[0].told(event, replying=replying)

    # -- what the session wants -------------------------------------------------------------------------

    def open_ear(self, wish: wishes.OpenEar) -> None:
        detection, house = wish.detection, self._inside.house
        ear = Ear(
            self,
            wish.sample_rate_hz,
            detection.endpointing(house.endpointing()) if detection is not None else None,
            house.counters,
            interrupts=detection is not None and detection.interrupt_response,
        )
        self._ear = (ear, self._inside.start(self._listen(ear)))

    def feed(self, pcm: bytes) -> None:
        if self._ear is not None:
            self._ear[0].feed(pcm)

    def close_ear(self, item_id: str) -> None:
        if self._ear is not None:
            self._ear[0].commit(item_id)
        self._ear = None

    def drop_ear(self) -> None:
        if self._ear is not None:
            self._ear[1].cancel()
        self._ear = None

    def hear(self, wish: wishes.Hear) -> None:
        self._inside.start(self._hear(wish))

    def look(self, picture: bytes, event_id: str) -> None:
        """One look at a time; of pictures that wait the newest is the one that counts."""
        if self._next_look is not None:
            self._inside.house.counters.add("skipped_frames_total", why="busy")
            self._inside.session.looked()
        self._next_look = (picture, event_id)
        if not self._looking:
            self._looking = True
            self._inside.start(self._look())

    # -- what the ear says ------------------------------------------------------------------------------

    def ear_began(self, at_ms: float) -> None:
        self._inside.session.speech_began(at_ms)
        self._inside.flush()

    def ear_over(self, utterance: Utterance, start_ms: float, end_ms: float) -> None:
        words = self._inside.named(utterance.text)
        item_id = self._inside.session.speech_over(words, start_ms, end_ms)
        self._answering.keep(item_id, utterance)
        self._inside.flush()

    def ear_closed(self, item_id: str, utterance: Utterance) -> None:
        self._answering.keep(item_id, utterance)
        self._inside.session.understood(item_id, self._inside.named(utterance.text))
        self._inside.flush()

    def interrupting(self, turn_id: int, at_ms: float) -> None:
        if turn_id == self._answering.turn_id:
            self._inside.session.interrupted()
        self.ear_began(at_ms)

    # -- inside -----------------------------------------------------------------------------------------

    async def _listen(self, ear: Ear) -> None:
        inside = self._inside
        try:
            await ear.run(inside.house.conversation, inside.person, inside.persona.id)
        except SensoriumError as e:
            if self._ear is not None and self._ear[0] is ear:
                self._ear = None
            inside.session.deaf(e.code, e.one_line(), ear.item_id)
            inside.flush()

    async def _hear(self, wish: wishes.Hear) -> None:
        inside = self._inside
        self._clips += 1
        words = ""
        try:
            ears = ears_of(inside.house.conversation)
            sound = at_once(wish.pcm, wish.sample_rate_hz)
            opened = ears.open(sound, wish.sample_rate_hz, inside.person, to=inside.persona.id)
            async with opened as microphone:
                utterance = await microphone.utterance()
            words = inside.named(utterance.text)
            self._answering.keep(wish.item_id, utterance)
        except SensoriumError as e:
            inside.session.troubled(e.code, e.one_line(), ours=not isinstance(e, BadInput))
        finally:
            self._clips -= 1
        inside.session.understood(wish.item_id, words)
        inside.flush()

    async def _look(self) -> None:
        session = self._inside.session
        while (wanted := self._next_look) is not None:
            self._next_look = None
            picture, event_id = wanted
            try:
                await self._inside.house.look(picture)
            except SensoriumError as e:
                session.troubled(e.code, e.one_line(), event_id, ours=not isinstance(e, BadInput))
            session.looked()
            self._inside.flush()
        self._looking = False
