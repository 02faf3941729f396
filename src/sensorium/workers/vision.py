"""The vision worker: pictures in, embedding rows and the names of things out.

Dispatch only: what is a picture and what is on it is decided in `vision/`. Pictures are unpacked here and
nowhere else. No look depends on another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.bundles.senses_file import Projection
from sensorium.clock import Clock, SystemClock
from sensorium.errors import BadInput
from sensorium.metrics import Counters, Window
from sensorium.vision.encoder import PICTURE_SIDE, Eye, Sight
from sensorium.vision.picture import decode
from sensorium.wire.records import MAX_PICTURE_BYTES, Inspect, Look, Record, Seen, ToVision
from sensorium.workers import shell


class VisionWorker:
    """Serves one front until it says `Stop`. Single-threaded: looks are answered in the order they came.

    `look`: pixels uint8 (height, width, 3) to what is seen, e.g. `Eye.look`.
    """

    def __init__(
        self,
        front: shell.Shell,
        look: Callable[[NDArray[np.uint8]], Sight],
        projection: Projection,
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._front = front
        self._eye = look
        self._projection = projection
        self._counters = counters
        self._clock = clock
        self._decode_ms = Window()
        self._look_ms = Window()

    def serve(self) -> None:
        for record, payload in self._front.messages():
            self._handle(record, payload)

    def _handle(self, record: Record, payload: bytes) -> None:
        match record:
            case Inspect():
                self._front.answer(record, self._values())
            case Look(look_id=look_id):
                with self._front.failing(look_id):
                    self._look(look_id, payload)

    def _look(self, look_id: int, file: bytes) -> None:
        if len(file) > MAX_PICTURE_BYTES:
            raise BadInput(f"a picture's file has at most {MAX_PICTURE_BYTES:,} bytes, not {len(file):,}")
        start_s = self._clock.now_s()
        picture = decode(file)
        decoded_s = self._clock.now_s()
        sight = self._eye(picture)
        # Slots without a thing are left out: the mind reads no rows that say nothing.
        states = sight.embeddings[: 1 + len(sight.things)]
        rows = np.concatenate([self._projection.row(state) for state in states]).astype("<f4", copy=False)
        end_s = self._clock.now_s()
        self._decode_ms.add((decoded_s - start_s) * 1000.0)
        self._look_ms.add((end_s - decoded_s) * 1000.0)
        self._counters.add("looks_total")
        things = tuple(thing.words for thing in sight.things)
        stages = (("vision.decode", start_s, decoded_s), ("vision.look", decoded_s, end_s))
        self._front.send(Seen(look_id, len(rows), things, stages), rows.tobytes())

    def _values(self) -> dict[str, object]:
        return {
            "counters": self._counters.snapshot(),
            "decode_ms": self._decode_ms.summary(),
            "look_ms": self._look_ms.summary(),
        }


def serve(front: shell.Shell, bundle_name: str) -> None:
    """Loads the bundle's eye, warms it up, reports `Ready` and serves.

    Raises NotFound, or BundleError when the bundle's mind sees nothing or its files cannot be used.
    """
    clock, counters = SystemClock(), Counters()
    start_s = clock.now_s()
    bundle = find(bundle_name)
    bundle.check_sees()
    eye = Eye.load(bundle.file("eye"))
    projection = Projection.load(bundle.file("senses"), "eye", eye.width)
    eye.look(np.zeros((PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8))
    facts = {"model": f"{bundle.name} eye", "row_width": projection.width}
    with front.at_work():
        front.ready("vision", clock.now_s() - start_s, facts)
        VisionWorker(front, eye.look, projection, counters, clock).serve()


def main() -> int:
    parser = shell.argument_parser("vision")
    parser.add_argument("--bundle", default="nano", help="name of a shipped bundle, or a bundle's folder")
    args = parser.parse_args()
    return shell.run(args.fd, ToVision, lambda front: serve(front, args.bundle), args.rings)


if __name__ == "__main__":
    sys.exit(main())
