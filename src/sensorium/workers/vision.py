"""The vision worker: pictures in, embedding rows and the names of things out.

Dispatch only: what is a picture and what is on it is decided in `vision/`. Pictures are unpacked here and
nowhere else. Of the last looks small grey pictures are kept, by which a camera's next frame is passed over.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sensorium import priority
from sensorium.budgets import Meter
from sensorium.bundles.catalogue import find
from sensorium.bundles.senses_file import Projection
from sensorium.clock import Clock, SystemClock
from sensorium.errors import BadInput
from sensorium.metrics import Counters, Window
from sensorium.vision.encoder import PICTURE_SIDE, Eye, Sight
from sensorium.vision.gate import block_means, shows_news
from sensorium.vision.picture import decode, thumbnail
from sensorium.wire.records import MAX_PICTURE_BYTES, Inspect, Look, Record, Seen, ToVision, Unchanged
from sensorium.workers import calls, shell

# Looks that a frame may be compared with; 2.3 KB each.
_REMEMBERED_LOOKS = 64


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
        meter: Meter | None = None,
    ) -> None:
        self._front = front
        self._meter = meter or Meter("vision", counters)
        self._eye = look
        self._projection = projection
        self._counters = counters
        self._clock = clock
        self._greys: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._times = {name: Window() for name in ("gate_ms", "decode_ms", "model_ms")}

    def serve(self) -> None:
        for record, payload in self._front.messages():
            self._handle(record, payload)

    def _handle(self, record: Record, payload: bytes) -> None:
        match record:
            case Inspect():
                self._front.answer(record, self._values())
            case Look(look_id=look_id):
                with self._front.failing(look_id):
                    self._look(record, payload)

    def _look(self, asked: Look, file: bytes) -> None:
        if len(file) > MAX_PICTURE_BYTES:
            raise BadInput(f"a picture's file has at most {MAX_PICTURE_BYTES:,} bytes, not {len(file):,}")
        start_s = self._clock.now_s()
        grey = block_means(thumbnail(file))
        before = self._greys.get(asked.since_look_id) if asked.since_look_id else None
        unchanged = before is not None and not shows_news(grey, before)
        gated_s = self._measured("gate_ms", start_s)
        gate = ("vision.gate", start_s, gated_s)
        if unchanged:
            self._counters.add("unchanged_total")
            self._front.send(Unchanged(asked.look_id, (gate,)))
            return
        picture = decode(file)
        decoded_s = self._measured("decode_ms", gated_s)
        sight = self._eye(picture)
        # Slots without a thing are left out: the mind reads no rows that say nothing.
        states = sight.embeddings[: 1 + len(sight.things)]
        rows = np.concatenate([self._projection.row(state) for state in states]).astype("<f4", copy=False)
        end_s = self._measured("model_ms", decoded_s)
        self._meter.add("vision.decode", (decoded_s - gated_s) * 1000.0)
        self._meter.add("vision.model", (end_s - decoded_s) * 1000.0)
        self._remember(asked.look_id, grey)
        self._counters.add("looks_total")
        things = tuple(thing.words for thing in sight.things)
        stages = (gate, ("vision.decode", gated_s, decoded_s), ("vision.model", decoded_s, end_s))
        self._front.send(Seen(asked.look_id, len(rows), things, stages), rows.tobytes())

    def _remember(self, look_id: int, grey: NDArray[np.float32]) -> None:
        self._greys[look_id] = grey
        if len(self._greys) > _REMEMBERED_LOOKS:
            self._greys.popitem(last=False)

    def _measured(self, name: str, start_s: float) -> float:
        now_s = self._clock.now_s()
        self._times[name].add((now_s - start_s) * 1000.0)
        return now_s

    def _values(self) -> dict[str, object]:
        times = {name: window.summary() for name, window in self._times.items()}
        return {"counters": self._counters.snapshot(), "stages": self._meter.values(), **times}


def serve(front: shell.Shell, bundle_name: str, stress: calls.Stress) -> None:
    """Loads the bundle's eye, warms it up, reports `Ready` and serves.

    Raises NotFound, or BundleError when the bundle's mind sees nothing or its files cannot be used.
    """
    clock, counters = SystemClock(), Counters()
    start_s = clock.now_s()
    bundle = find(bundle_name)
    bundle.check_sees()
    eye = Eye.load(bundle.file("eye"))
    projection = Projection.load(bundle.file("senses"), "eye", eye.width)
    meter = Meter("vision", counters)
    calls.Calls(meter, clock, stress).watch(eye, "look")
    eye.look(np.zeros((PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8))
    facts = {
        "model": f"{bundle.name} eye",
        "row_width": projection.width,
        "priority": priority.raise_own(),
    }
    with front.at_work():
        front.ready("vision", clock.now_s() - start_s, facts)
        VisionWorker(front, eye.look, projection, counters, clock, meter).serve()


def main() -> int:
    parser = shell.argument_parser("vision")
    parser.add_argument("--bundle", default="nano", help="name of a shipped bundle, or a bundle's folder")
    args = parser.parse_args()
    stress = calls.Stress(args.stress, args.stress_s)
    return shell.run(args.fd, ToVision, lambda front: serve(front, args.bundle, stress), args.rings)


if __name__ == "__main__":
    sys.exit(main())
