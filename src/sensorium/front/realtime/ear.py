"""What a Realtime client's sound is heard to say, and what it means for the reply under way.

One stream of sound from `OpenEar` to `CloseEar` or `DropEar`. Knows nothing of events or sockets.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.turn_taking import Hold, Interrupt, Resume
from sensorium.errors import BadInput
from sensorium.front.capture import CaptureBuffer
from sensorium.front.conversation import Conversation
from sensorium.front.ears import Ears
from sensorium.front.listening import Utterance
from sensorium.metrics import Counters
from sensorium.store.people import Person
from sensorium.wire.events import Hearing, Listening

# A client may send a recording faster than it was spoken; of what is older than this, the oldest goes.
MAX_WAITING_S = 60.0


class Owner(Protocol):
    """Whoever is told what the ear makes of the sound."""

    def ear_began(self, at_ms: float) -> None:
        """Somebody says words."""
        ...

    def ear_over(self, utterance: Utterance, start_ms: float, end_ms: float) -> None:
        """They have finished."""
        ...

    def ear_closed(self, item_id: str, utterance: Utterance) -> None:
        """All sound of a committed item was heard; what was said since the last `ear_over`."""
        ...

    def interrupting(self, turn_id: int, at_ms: float) -> None:
        """That turn is stopped for what is being said."""
        ...


class Ear:
    """`endpointing` None: only `commit` ends what is said. `interrupts`: speech stops the reply under way.
    `item_id` is the committed item's, "" before."""

    def __init__(
        self,
        owner: Owner,
        sample_rate_hz: int,
        endpointing: Endpointing | None,
        counters: Counters,
        *,
        interrupts: bool,
    ) -> None:
        self._owner = owner
        self._sample_rate_hz = sample_rate_hz
        self._endpointing = endpointing
        self._counters = counters
        self._interrupts = interrupts
        self._buffer = CaptureBuffer(sample_rate_hz, counters, MAX_WAITING_S)
        self.item_id = ""
        self._began_ms: float | None = None
        self._paused_ms = 0.0

    def feed(self, pcm: bytes) -> None:
        self._buffer.push(pcm)

    def commit(self, item_id: str) -> None:
        """No more sound will come; what was said is the item's."""
        self.item_id = item_id
        self._buffer.end()

    def told(self, event: object, *, replying: bool) -> None:
        """What the room says of this person's microphone. During a reply it is the turn taker who knows
        whether speech is more than a listener's noise."""
        match event:
            case Listening(speaking=True, at_ms=at_ms):
                self._began_ms = at_ms if self._began_ms is None else self._began_ms
            case Listening(at_ms=at_ms):
                self._paused_ms = at_ms
            case Hearing(text=""):
                self._began_ms = None
            case Hearing() if not replying:
                self._owner.ear_began(self._began_ms or 0.0)

    async def run(self, conversation: Conversation, person: Person, persona_id: str) -> None:
        """Until the sound ends. Raises WorkerDied and BadInput, also when the recipe switches hearing off."""
        ears = ears_of(conversation)
        opened = ears.open(
            aiter(self._buffer), self._sample_rate_hz, person, to=persona_id, endpointing=self._endpointing
        )
        async with opened as microphone:
            watched: AbstractAsyncContextManager[None] = (
                conversation.running.watched(microphone) if self._interrupts else nullcontext()
            )
            async with watched:
                async for decision in microphone.decisions():
                    match decision:
                        case Utterance():
                            self._said(decision)
                        case Hold(turn_id=turn_id):
                            await conversation.running.hold(turn_id, microphone)
                        case Resume(turn_id=turn_id):
                            self._counters.add("false_interruptions_total")
                            await conversation.running.resume(turn_id, microphone)
                        case Interrupt(turn_id=turn_id):
                            self._counters.add("interruptions_total")
                            self._owner.interrupting(turn_id, self._began_ms or 0.0)
                            await conversation.running.interrupt(turn_id)
        if not self.item_id and ears.room is not None:
            ears.room.check_sense("hearing")

    def _said(self, utterance: Utterance) -> None:
        began_ms, self._began_ms = self._began_ms or 0.0, None
        if self.item_id:
            self._owner.ear_closed(self.item_id, utterance)
        elif utterance.text:
            self._owner.ear_over(utterance, began_ms, max(began_ms, self._paused_ms))


def ears_of(conversation: Conversation) -> Ears:
    """Raises BadInput in a house without any."""
    if conversation.ears is None:
        raise BadInput("this house was opened without ears")
    return conversation.ears
