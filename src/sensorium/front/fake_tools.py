"""A tools worker without tools or processes, for tests: it offers cards, and answers as it is told to."""

from __future__ import annotations

from sensorium.front.line import Channel
from sensorium.wire.records import (
    CallTool,
    DropCall,
    Failed,
    Offered,
    Record,
    SaidLater,
    ToolAnswer,
    ToolCard,
    ToTools,
)


class FakeTools:
    """Answers each call with `text`, `later` and `forget`; with `fails` set by that instead. While `holds`
    calls wait until the test says `answer`."""

    outgoing: object = ToTools

    def __init__(self) -> None:
        self.text = "ok two minutes"
        self.later: tuple[SaidLater, ...] = ()
        self.forget = False
        self.fails: Failed | None = None
        self.holds = False
        self.calls: list[CallTool] = []
        self.dropped: list[int] = []
        self._waiting: list[tuple[CallTool, Channel]] = []

    def offer(self, channel: Channel, *cards: ToolCard) -> None:
        channel.send(Offered(cards, ()))

    def answer(self) -> None:
        for asked, channel in self._waiting:
            self._answer(asked, channel)
        self._waiting.clear()

    def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
        match record:
            case CallTool():
                self.calls.append(record)
                self._waiting.append((record, channel))
                if not self.holds:
                    self.answer()
            case DropCall(call_id=call_id):
                self.dropped.append(call_id)

    def _answer(self, asked: CallTool, channel: Channel) -> None:
        if self.fails is not None:
            channel.send(Failed(asked.call_id, self.fails.code, self.fails.message, self.fails.remedy))
        else:
            channel.send(ToolAnswer(asked.call_id, self.text, self.later, self.forget))
