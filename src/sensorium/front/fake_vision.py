"""A vision worker without a model or a process, for `fake.connected`."""

from __future__ import annotations

import asyncio

import numpy as np

from sensorium.errors import BadInput
from sensorium.front.line import Channel
from sensorium.wire.records import Failed, Look, Record, Seen, ToVision, Unchanged


class FakeVision:
    """Sees the things that a picture's bytes name, by commas: b"red circle,blue star". Bytes that are no text
    are no picture; what stands behind a "#" is noise, which is nothing new. Rows are `row_width` numbers: 100
    for the whole, then 101, 102, ... With `hold` set, answers wait until `go` is set."""

    outgoing: object = ToVision

    def __init__(self, row_width: int) -> None:
        self.row_width = row_width
        self.num_looks = 0
        self.num_unchanged = 0
        self.hold = False
        self.go = asyncio.Event()
        self.asked = asyncio.Event()
        self._seen: dict[int, tuple[str, ...]] = {}
        self._held: list[asyncio.Task[None]] = []

    def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
        if not isinstance(record, Look):
            return
        self.asked.set()
        if self.hold:
            self._held.append(asyncio.create_task(self._later(record, payload, channel)))
        else:
            self._answer(record, payload, channel)

    async def _later(self, asked: Look, payload: bytes, channel: Channel) -> None:
        await self.go.wait()
        self._answer(asked, payload, channel)

    def _answer(self, asked: Look, payload: bytes, channel: Channel) -> None:
        try:
            things = tuple(name for name in payload.decode("ascii").split("#")[0].split(",") if name)
        except UnicodeDecodeError:
            self.num_looks += 1
            error = BadInput("this is neither a JPEG nor a PNG picture")
            channel.send(Failed(asked.look_id, error.code, error.message))
            return
        gate = ("vision.gate", 0.0, 0.001)
        if self._seen.get(asked.since_look_id) == things:
            self.num_unchanged += 1
            channel.send(Unchanged(asked.look_id, (gate,)))
            return
        self.num_looks += 1
        self._seen[asked.look_id] = things
        stages = (gate, ("vision.decode", 0.001, 0.002), ("vision.model", 0.002, 0.003))
        rows = np.repeat(np.arange(100, 101 + len(things), dtype="<f4"), self.row_width)
        channel.send(Seen(asked.look_id, 1 + len(things), things, stages), rows.tobytes())
