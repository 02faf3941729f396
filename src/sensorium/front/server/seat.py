"""One person's place in the room: what their page says is carried out, and goes on when the page has gone.

Knows nothing of sockets: what is sent to the page is put into its outbox, where there is one.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from sensorium.errors import BadInput, SensoriumError, WorkerDied
from sensorium.front.audience import Listener, Piece
from sensorium.front.capture import CaptureBuffer
from sensorium.front.house import House
from sensorium.front.live import carry_on
from sensorium.front.server.frame_feed import FrameFeed
from sensorium.front.server.outbox import Closed, Outbox
from sensorium.front.server.session import trouble
from sensorium.store.people import Person
from sensorium.wire import page
from sensorium.wire.events import Looked

MAX_WAITING_MESSAGES = 8
# A hearing process that dies again and again is left alone by its supervisor, and then says so.
_MAX_REOPENED = 8

Start = Callable[[Coroutine[Any, Any, None]], None]
_log = logging.getLogger("sensorium.room")


class Seat:
    """`guest`: they came in with their page and leave with it. `start` runs work that outlives the page."""

    def __init__(
        self, house: House, person: Person, start: Start, sound: Callable[[Piece], bytes], *, guest: bool
    ) -> None:
        self._house = house
        self._start = start
        self._sound = sound
        self.person = person
        self.guest = guest
        self.session = secrets.token_urlsafe(18)
        self.watches = False
        self.num_connected = 0
        self.outbox: Outbox | None = None
        self._listener = house.audience.listening(self._hear)
        self._ears: Listener = self._listener.__enter__()
        self._publisher = house.audience.led_by(self._ears)
        self._microphone: CaptureBuffer | None = None
        self._camera: FrameFeed | None = None
        self._num_waiting = 0
        self._last_said = 0

    def connect(self, outbox: Outbox, welcome: page.Welcome) -> None:
        """From now on everything goes there, the welcome first; a page that had the seat before is told."""
        if self.outbox is not None:
            reason = "you have joined again from another page"
            self.tell(page.Trouble("elsewhere", reason, "go on there, or reload this page", True))
            self.outbox.close(Closed(1008, reason))
            self.pause()
        self.outbox = outbox
        self.num_connected += 1
        self.tell(welcome)

    def disconnect(self) -> None:
        self.outbox = None
        self.pause()

    def pause(self) -> None:
        """The page's senses end; what was said until now is still answered."""
        self.watches = False
        self._close_microphone()
        self._close_camera()

    def leave(self) -> None:
        """The seat is given up."""
        self.disconnect()
        self._listener.__exit__(None, None, None)

    def tell(self, record: page.Record) -> None:
        """Only this page."""
        if self.outbox is not None:
            self.outbox.put(page.encode(record))

    def handle(self, record: Any, payload: bytes) -> None:
        """Carries out what a `Session` accepted. Never waits. Raises BadInput; then nothing was changed."""
        match record:
            case page.Say():
                self._say(record)
            case page.OpenMicrophone():
                self._open_microphone(record)
            case page.Sound():
                if self._microphone is not None:
                    self._microphone.push(payload)
            case page.CloseMicrophone():
                self._close_microphone()
            case page.Frame(number=number):
                self._look(number, payload)
            case page.CloseCamera():
                self._close_camera()
            case page.Touches():
                self._house.touch(payload, person=self.person.id)
            case page.Heard(turn_id=turn_id, samples=samples):
                self._ears.heard(turn_id, samples)
            case page.Stop(turn_id=turn_id):
                self._start(self._careful(self._house.conversation.running.interrupt(turn_id)))
            case page.Watch(on=on):
                self.watches = on
            case page.Ping(at_ms=at_ms):
                self.tell(page.Pong(at_ms))

    def _hear(self, piece: Piece) -> None:
        if self.outbox is not None:
            self.outbox.put_sound(self._sound(piece), len(piece.pcm) // 2)

    def _say(self, say: page.Say) -> None:
        text, to = say.text, say.to
        if 0 < say.number <= self._last_said:
            return  # sent again after a connection that was lost; it was taken then
        if not text.strip():
            raise BadInput("there are no words in this message")
        if to:
            self._house.room.persona(to)
        if self._num_waiting >= MAX_WAITING_MESSAGES:
            raise BadInput(
                f"{MAX_WAITING_MESSAGES} of your messages wait for their answer",
                remedy="let them be answered",
            )
        self._last_said = max(self._last_said, say.number)
        self._num_waiting += 1
        self._start(self._careful(self._answer(text, to)))

    async def _answer(self, text: str, to: str) -> None:
        try:
            await self._house.turn_text(text, person=self.person.id, to=to, publisher=self._publisher)
        finally:
            self._num_waiting -= 1
        await carry_on(lambda: self._house.follow_up(self._publisher), lambda report: None)

    def _open_microphone(self, opened: page.OpenMicrophone) -> None:
        if self._house.hearing is None:
            raise BadInput("nobody listens in this room", remedy="write instead")
        self._house.room.check_sense("hearing")
        self._close_microphone()
        self._microphone = CaptureBuffer(opened.sample_rate_hz, self._house.counters)
        self._start(self._careful(self._listen(self._microphone, opened)))

    async def _listen(self, microphone: CaptureBuffer, opened: page.OpenMicrophone) -> None:
        """Again when the hearing process died: the microphone is still open."""
        for _ in range(_MAX_REOPENED):
            try:
                return await self._house.converse(
                    aiter(microphone),
                    opened.sample_rate_hz,
                    self._publisher,
                    person=self.person.id,
                    push_to_talk=opened.push_to_talk,
                )
            except WorkerDied as e:
                self.tell(trouble(e))

    def _close_microphone(self) -> None:
        if self._microphone is not None:
            self._microphone.end()
            self._microphone = None

    def _look(self, number: int, jpeg: bytes) -> None:
        if self._house.vision is None:
            raise BadInput("nobody sees in this room")
        if self._camera is None:
            self._camera = FrameFeed()
            self._start(self._careful(self._watch(self._camera)))
        self._camera.push(number, jpeg)

    async def _watch(self, camera: FrameFeed) -> None:
        def looked(at: int) -> None:
            self._house.happenings.tell(Looked(self.person.id, camera.number(at)))

        # One that is refused stays, so that the frames that still come are not refused one by one.
        await self._house.watch(aiter(camera), looked)

    def _close_camera(self) -> None:
        if self._camera is not None:
            self._camera.end()
            self._camera = None

    async def _careful(self, work: Coroutine[Any, Any, None]) -> None:
        """What goes wrong is told to the person; the room lives on."""
        try:
            await work
        except SensoriumError as e:
            self.tell(trouble(e))
        except Exception:
            _log.exception("a bug, and the room goes on")
            self.tell(page.Trouble("internal", "something is broken in the room", "see its log", False))
