"""What the conversation asks of the vision worker: one look at a picture. `links` has the other workers.

Knows nothing of pixels: a picture is a file's bytes here, and what was seen of it is rows.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import NamedTuple

from sensorium.errors import BadInput, WorkerFailed
from sensorium.front.line import Line
from sensorium.metrics import Counters
from sensorium.prompting.view import Rows
from sensorium.wire.records import MAX_PICTURE_BYTES, FromVision, Look, Record, Seen, StageTuple


class Sight(NamedTuple):
    """What one picture holds. `data`: the whole picture's row, then one for each of `things` from left to
    right, float32 little-endian; `rows` is how a prompt names them. `picture_sha256` is its file's."""

    picture_sha256: str
    data: bytes
    rows: Rows
    things: tuple[str, ...]
    stages: tuple[StageTuple, ...]


class VisionLink:
    incoming: object = FromVision

    def __init__(self, counters: Counters) -> None:
        self.line = Line("vision", "vision", counters)
        self._next_look_id = 1
        self._last: Sight | None = None

    async def look(self, picture: bytes) -> Sight:
        """`picture`: a JPEG or PNG file. The same file once more costs nothing; its sight has no stages then.

        Raises BadInput when it is no picture or too large, WorkerDied, WorkerFailed when rows are missing.
        """
        if len(picture) > MAX_PICTURE_BYTES:
            raise BadInput(f"a picture's file has at most {MAX_PICTURE_BYTES:,} bytes, not {len(picture):,}")
        sha256 = await asyncio.to_thread(_sha256, picture)
        if self._last is not None and self._last.picture_sha256 == sha256:
            return self._last._replace(stages=())
        channel = await self.line.channel()
        look_id = self._next_look_id
        self._next_look_id += 1
        with self.line.waiting(look_id) as answers:
            channel.send(Look(look_id), picture)
            await channel.drain()
            record, rows = await answers.get()
        assert isinstance(record, Seen)
        self._check(record, rows)
        named = Rows(_sha256(rows), record.num_rows)
        self._last = Sight(sha256, rows, named, record.things, record.stages)
        return self._last

    def receive(self, record: Record, payload: bytes) -> None:
        if isinstance(record, Seen):
            self.line.deliver(record.look_id, (record, payload))
        else:
            self.line.deliver_common(record)

    def _check(self, record: Seen, rows: bytes) -> None:
        ready = self.line.ready
        row_bytes = 4 * int(ready.facts.get("row_width", 0)) if ready else 0
        num_rows = 1 + len(record.things)
        if not row_bytes or record.num_rows != num_rows or len(rows) != num_rows * row_bytes:
            raise WorkerFailed(
                "the eye's rows are not one for the picture and one a thing", remedy="ask again"
            )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
