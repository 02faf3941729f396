"""A vision worker without a model or a process, for `fake.connected`."""

from __future__ import annotations

import numpy as np

from sensorium.errors import BadInput
from sensorium.front.line import Channel
from sensorium.wire.records import Failed, Look, Record, Seen, ToVision


class FakeVision:
    """Sees the things that a picture's bytes name, by commas: b"red circle,blue star". Bytes that are no text
    are no picture. Rows are `row_width` numbers: 100 for the whole, then 101, 102, ..."""

    outgoing: object = ToVision

    def __init__(self, row_width: int) -> None:
        self.row_width = row_width
        self.num_looks = 0

    def handle(self, record: Record, payload: bytes, channel: Channel) -> None:
        if not isinstance(record, Look):
            return
        self.num_looks += 1
        try:
            things = tuple(name for name in payload.decode("ascii").split(",") if name)
        except UnicodeDecodeError:
            error = BadInput("this is neither a JPEG nor a PNG picture")
            channel.send(Failed(record.look_id, error.code, error.message))
            return
        stages = (("vision.decode", 0.0, 0.001), ("vision.look", 0.001, 0.002))
        rows = np.repeat(np.arange(100, 101 + len(things), dtype="<f4"), self.row_width)
        channel.send(Seen(record.look_id, 1 + len(things), things, stages), rows.tobytes())
