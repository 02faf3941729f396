"""An open microphone: a person speaks whenever they like, replies come, and are interrupted by speech.

One loop over what the microphone decides. Knows nothing of how a reply is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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


async def carry_on(
    follow_up: Callable[[], Awaitable[TurnReport | None]], told: Callable[[TurnReport], None]
) -> None:
    """Personas speak on among themselves until the floor lets nobody. It ends: after every turn one more has
    replied or passed, which the floor bounds; a turn that failed is the last one."""
    while (report := await follow_up()) is not None:
        told(report)
        if report.outcome not in ("done", "silent"):
            return


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
        conversation, publisher = self._conversation, self._publisher
        newest = conversation.last_report

        def told(report: TurnReport) -> None:
            nonlocal newest
            newest = report
            self._told(report)

        try:
            told(await conversation.heard_turn(utterance, self._person, publisher, to=self._to, tools=True))
            await carry_on(lambda: conversation.follow_up(publisher), told)
        except SensoriumError as e:
            # Words that are no message: what was said is gone, the microphone stays open.
            self._counters.add("utterances_refused_total", code=e.code)
        except asyncio.CancelledError:
            # A turn that never began has no report.
            interrupted = conversation.last_report
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
