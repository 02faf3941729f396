"""Given nano with all its senses, when somebody speaks to it and shows it a picture, then sound, pictures and
rows lie in shared memory, and the sockets carry records."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import simplejpeg

import sensorium.cli
from sensorium.bench.parts import picture
from sensorium.cli.running import read_pcm
from sensorium.config import Config
from sensorium.front.capture import captured
from sensorium.front.house import House
from sensorium.front.listening import at_once
from sensorium.front.publisher import Recording
from sensorium.wire import framing
from sensorium.wire.framing import Slot
from sensorium.wire.payloads import INLINE_BELOW, Payloads
from sensorium.wire.records import Record

pytestmark = pytest.mark.anyio

QUESTION = Path(sensorium.cli.__file__).parent / "evening" / "01-maya-likes.wav"


class Watched:
    """What the front sends and receives, by where it travels."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.in_rings: Counter[str] = Counter()
        self.largest_inline = 0
        self._frame, self._fetch, self._header = framing.frame, Payloads.fetch, framing.encode_header
        self._sending = ""
        monkeypatch.setattr(framing, "encode_header", self._encode_header)
        monkeypatch.setattr(framing, "frame", self._frame_of)
        watched = self

        def fetch(payloads: Payloads, payload: bytes | Slot) -> bytes:
            fetched = watched._fetch(payloads, payload)
            watched._note("received", payload)
            return fetched

        monkeypatch.setattr(Payloads, "fetch", fetch)

    def _encode_header(self, record: Record) -> bytes:
        self._sending = type(record).__name__
        return self._header(record)

    def _frame_of(self, header: bytes, payload: bytes | Slot, sent_ns: int) -> bytes:
        self._note(self._sending, payload)
        return self._frame(header, payload, sent_ns)

    def _note(self, what: str, payload: bytes | Slot) -> None:
        if isinstance(payload, Slot):
            self.in_rings[what] += 1
        else:
            self.largest_inline = max(self.largest_inline, memoryview(payload).nbytes)


async def test_bulk_never_travels_in_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    pcm, rate_hz = read_pcm(QUESTION)
    config = Config(bundle="nano", home=str(tmp_path / "home"), llm_threads=1, kv_cells=4096)
    async with House(config, sees=True) as house:
        await house.look(simplejpeg.encode_jpeg(picture(), quality=90))
        sent = Recording()
        report = await house.turn_voice(at_once(pcm, rate_hz), rate_hz, sent, to="maya")
        counters = house.counters.snapshot()

    assert report.error == "" and len(sent.pcm) > 0
    assert watched.in_rings["Look"] == 1
    # pieces of 20 ms; what is left at the end may be too little for a slot
    assert watched.in_rings["Hear"] >= len(pcm) // round(2 * 0.02 * rate_hz)
    assert watched.in_rings["Generate"] == 1
    # rows of the picture and of the words, and the reply's sound
    assert watched.in_rings["received"] >= 3
    assert watched.largest_inline < INLINE_BELOW
    assert not any(name.startswith("ring_full_total") for name in counters)


async def test_an_ear_that_hangs_never_holds_the_microphone_up(tmp_path: Path) -> None:
    config = Config(bundle="nano", home=str(tmp_path / "home"), llm_threads=1, kv_cells=4096)
    spoken = asyncio.Event()

    async def ten_seconds() -> AsyncIterator[bytes]:
        for _ in range(500):
            yield bytes(640)
            await asyncio.sleep(0)
        spoken.set()

    async with House(config, speaks=False) as house:
        os.kill(house.pids()["hearing"], signal.SIGSTOP)
        sound = captured(ten_seconds(), 16_000, house.counters)
        turn = asyncio.create_task(house.turn_voice(sound, 16_000, Recording(), hands_free=True))
        async with asyncio.timeout(30):
            await spoken.wait()
        counters = house.counters.snapshot()
        os.kill(house.pids()["hearing"], signal.SIGCONT)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn

    # lost is all but what lies in the ring (64 pieces) and the newest second; nothing went another way
    assert counters["mic_dropped_samples_total"] == 160_000 - 64 * 320 - 16_000
    assert not any(name.startswith("ring_full_total") for name in counters)
