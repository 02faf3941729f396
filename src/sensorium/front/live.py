"""An open microphone: a person speaks whenever they like, replies come, and are interrupted by speech.

One loop over what the microphone decides. Knows nothing of how a reply is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sensorium.dialogue.turn_taking import Hold, Interrupt, Resume
from sensorium.errors import SensoriumError
from sensorium.front.conversation import Conversation
from sensorium.front.listening import Utterance
from sensorium.front.microphone import Microphone
from sensorium.front.publisher import Publisher
from sensorium.front.report import TurnReport
from sensorium.metrics import Counters
from sensorium.store.people import Person

# Personas that call one another answer one another, so often in a row; the floor may allow less.
MAX_FOLLOW_UPS = 4


class Live:
    """`told` is called with what became of each turn, interrupted ones included; `to` answers all of them."""

    def __init__(
        self,
        conversation: Conversation,
        person: Person,
        publisher: Publisher,
        counters: Counters,
        told: Callable[[TurnReport], None] = lambda report: None,
        *,
        to: str = "",
    ) -> None:
        self._conversation = conversation
        self._person = person
        self._publisher = publisher
        self._counters = counters
        self._told = told
        self._to = to
        self._replying: asyncio.Task[None] | None = None

    async def run(self, microphone: Microphone) -> None:
        """Until the sound ends and the last reply was heard. Raises WorkerDied, and what the source does."""
        conversation = self._conversation
        try:
            async with conversation.running.watched(microphone):
                async for decision in microphone.decisions():
                    match decision:
                        case Utterance(text=text):
                            if text:
                                await self._end()
                                self._replying = asyncio.create_task(self._answer(decision))
                        case Hold(turn_id=turn_id):
                            await conversation.running.hold(turn_id, microphone)
                        case Resume(turn_id=turn_id):
                            self._counters.add("false_interruptions_total")
                            await conversation.running.resume(turn_id, microphone)
                        case Interrupt(turn_id=turn_id):
                            self._counters.add("interruptions_total")
                            await conversation.running.interrupt(turn_id)
            await self._over()
        finally:
            await self._end()

    async def _answer(self, utterance: Utterance) -> None:
        newest = self._conversation.last_report
        try:
            newest = await self._conversation.heard_turn(
                utterance, self._person, self._publisher, to=self._to, tools=True
            )
            self._told(newest)
            for _ in range(MAX_FOLLOW_UPS):
                following = await self._conversation.follow_up(self._publisher)
                if following is None:
                    return
                newest = following
                self._told(newest)
        except SensoriumError as e:
            # Words that are no message: what was said is gone, the microphone stays open.
            self._counters.add("utterances_refused_total", code=e.code)
        except asyncio.CancelledError:
            # A turn that never began has no report.
            interrupted = self._conversation.last_report
            if interrupted is not None and interrupted is not newest:
                self._told(interrupted)
            raise

    async def _over(self) -> None:
        """Returns when the last reply was heard, or interrupted by whomever."""
        if (task := self._replying) is not None:
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def _end(self) -> None:
        """Stops what is still being answered."""
        task, self._replying = self._replying, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
