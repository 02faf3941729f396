"""What the front asks of the tools worker: calls, each with a time limit. Knows no tool and no room.

A call is begun and then waited for, as long as somebody likes; whoever loses patience may go on and come back
to it. After the tool's own limit nobody may.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import AbstractContextManager

from sensorium.errors import NotFound, ToolFailed
from sensorium.front.line import Answers, Channel, Line
from sensorium.metrics import Counters
from sensorium.wire.records import CallTool, DropCall, FromTools, Offered, Record, ToolAnswer, ToolCard

# A worker that is being restarted is not waited for: a turn would stand still.
RESTART_WAIT_S = 1.0


class ToolCall:
    """A call under way. It ends with an answer, an error or `drop`; then it is over."""

    def __init__(
        self, call_id: int, name: str, limit_s: float, line: Line, waiting: AbstractContextManager[Answers]
    ) -> None:
        self.call_id = call_id
        self._name = name
        self._limit_s = limit_s
        self._until_s = asyncio.get_running_loop().time() + limit_s
        self._line = line
        self._waiting = waiting
        self._answers = waiting.__enter__()
        self._over = False

    async def answer(self, within_s: float = math.inf) -> ToolAnswer | None:
        """None when it has not come within that time, and may come yet.

        Raises what the tool was refused or failed with: BadInput, ToolFailed (also when its limit has
        passed), WorkerDied. Cancelled, the call is dropped.
        """
        left_s = self._until_s - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, min(within_s, left_s))):
                record, _ = await self._answers.get()
        except TimeoutError:
            if within_s < left_s:
                return None
            self.drop()
            raise ToolFailed(f"{self._name} did not answer within {self._limit_s:g} s") from None
        except BaseException:
            self.drop()
            raise
        assert isinstance(record, ToolAnswer)
        self._end()
        return record

    def drop(self) -> None:
        """Nobody waits for it any more."""
        if not self._over:
            self._line.send_if_up(DropCall(self.call_id))
            self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._waiting.__exit__(None, None, None)


class ToolLink:
    """`offered` is what there is now; `changed` is called when it is another. `settled` is set when no MCP
    server is starting any more."""

    incoming: object = FromTools

    def __init__(self, counters: Counters) -> None:
        self.line = Line("tools", "tools", counters, restart_wait_s=RESTART_WAIT_S)
        self.offered = Offered((), ())
        self.changed: Callable[[], None] = lambda: None
        self.settled = asyncio.Event()
        self._next_call_id = 1

    def card(self, name: str) -> ToolCard:
        """Raises NotFound with the nearest."""
        for card in self.offered.tools:
            if card.name == name:
                return card
        raise NotFound.named("tool", name[:80], [card.name for card in self.offered.tools])

    def next_call_id(self) -> int:
        self._next_call_id += 1
        return self._next_call_id - 1

    async def begin(self, asked: CallTool) -> ToolCall:
        """Raises NotFound for the tool, WorkerDied when there is no worker to call it, BadInput for what no
        record can carry."""
        limit_s = self.card(asked.name).limit_s
        channel: Channel = await self.line.channel()
        call = ToolCall(asked.call_id, asked.name, limit_s, self.line, self.line.waiting(asked.call_id))
        try:
            channel.send(asked)
        except BaseException:
            call.drop()
            raise
        return call

    def receive(self, record: Record, payload: bytes) -> None:
        match record:
            case Offered(starting=starting):
                self.offered = record
                if not starting:
                    self.settled.set()
                self.changed()
            case ToolAnswer(call_id=call_id):
                self.line.deliver(call_id, (record, payload))
            case _:
                self.line.deliver_common(record)
