"""What the front asks of the vision worker: a look at a picture or a frame. `links` has the other workers.

Knows nothing of pixels: a picture is a file's bytes here, and what was seen of it is rows.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import NamedTuple

from sensorium.errors import BadInput, WorkerFailed
from sensorium.front.line import Line
from sensorium.metrics import Counters
from sensorium.prompting.view import Rows
from sensorium.wire.records import MAX_PICTURE_BYTES, FromVision, Look, Record, Seen, StageTuple, Unchanged

# A look takes milliseconds; a worker that takes so long hangs.
LOOK_TIMEOUT_S = 5.0
_KEPT_SIGHTS = 16
# Hashed in a tenth of a millisecond; the way to a thread and back takes as long.
_HASHED_AT_ONCE_BYTES = 1 << 16


class Sight(NamedTuple):
    """What one picture holds. `data`: the whole picture's row, then one for each of `things` from left to
    right, float32 little-endian; `rows` is how a prompt names them. `picture_sha256` is its file's, `look_id`
    that of the look that gave it."""

    look_id: int
    picture_sha256: str
    data: bytes
    rows: Rows
    things: tuple[str, ...]
    stages: tuple[StageTuple, ...]


class VisionLink:
    incoming: object = FromVision

    def __init__(self, counters: Counters, *, timeout_s: float = LOOK_TIMEOUT_S) -> None:
        self.line = Line("vision", "vision", counters)
        self._timeout_s = timeout_s
        self._next_look_id = 1
        self._sights: OrderedDict[str, Sight] = OrderedDict()  # the last ones, by their picture

    async def look(self, picture: bytes) -> Sight:
        """`picture`: a JPEG or PNG file. One seen lately costs nothing; its sight has no stages then.

        Raises BadInput when it is no picture or too large, WorkerDied, WorkerFailed when rows are missing or
        no answer comes.
        """
        sight, _ = await self.glance(picture)
        assert sight is not None
        return sight

    async def glance(
        self, picture: bytes, since: Sight | None = None
    ) -> tuple[Sight | None, tuple[StageTuple, ...]]:
        """As `look`, but None when the picture shows nothing new since `since`; and what it took."""
        if not isinstance(picture, bytes):
            raise BadInput(f"a picture is a file's bytes, not {type(picture).__name__}")
        if len(picture) > MAX_PICTURE_BYTES:
            raise BadInput(f"a picture's file has at most {MAX_PICTURE_BYTES:,} bytes, not {len(picture):,}")
        small = len(picture) <= _HASHED_AT_ONCE_BYTES
        sha256 = _sha256(picture) if small else await asyncio.to_thread(_sha256, picture)
        if (known := self._sights.get(sha256)) is not None:
            self._sights.move_to_end(sha256)
            return known._replace(stages=()), ()
        record, rows = await self._ask(picture, since.look_id if since else 0)
        if isinstance(record, Unchanged):
            if since is None:
                raise WorkerFailed("the eye compared a picture with nothing", remedy="ask again")
            return None, record.stages
        assert isinstance(record, Seen)  # the only other that is delivered
        self._check(record, rows)
        named = Rows(_sha256(rows), record.num_rows)
        sight = Sight(record.look_id, sha256, rows, named, record.things, record.stages)
        self._keep(sight)
        return sight, sight.stages

    def receive(self, record: Record, payload: bytes) -> None:
        if isinstance(record, Seen | Unchanged):
            self.line.deliver(record.look_id, (record, payload))
        else:
            self.line.deliver_common(record)

    async def _ask(self, picture: bytes, since_look_id: int) -> tuple[Record, bytes]:
        channel = await self.line.channel()
        look_id = self._next_look_id
        self._next_look_id += 1
        with self.line.waiting(look_id) as answers:
            try:
                async with asyncio.timeout(self._timeout_s):
                    channel.send(Look(look_id, since_look_id), picture)
                    await channel.drain()
                    return await answers.get()
            except TimeoutError:
                raise WorkerFailed(
                    f"the vision process did not answer within {self._timeout_s:g} s", remedy="try again"
                ) from None

    def _keep(self, sight: Sight) -> None:
        self._sights[sight.picture_sha256] = sight
        if len(self._sights) > _KEPT_SIGHTS:
            self._sights.popitem(last=False)

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
