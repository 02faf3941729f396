"""The hearing worker: sound of several streams in, words, pauses and embeddings out.

Dispatch only: what is speech and what it says is decided in `hearing/`. A stream is known from `OpenEar` to
`EarClosed` or `Failed`; what comes for it later is dropped and counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sensorium import priority
from sensorium.audio import from_int16
from sensorium.budgets import BY_STAGE, Meter
from sensorium.clock import Clock, SystemClock
from sensorium.errors import BadInput, SensoriumError
from sensorium.hearing import listener
from sensorium.hearing.encoder import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from sensorium.hearing.engine import Engine
from sensorium.hearing.listener import Listener
from sensorium.hearing.resample import Resampler
from sensorium.hearing.second_opinion import SecondOpinion
from sensorium.hearing.vad import Vad
from sensorium.metrics import Counters, Window
from sensorium.quality import Controller, Ladder, Rung
from sensorium.wire.records import (
    UNCLEAR_BELOW,
    CloseEar,
    EarClosed,
    Hear,
    Heard,
    Inspect,
    OpenEar,
    Reconsidered,
    Record,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
    StageTuple,
    ToHearing,
    Unclear,
    Words,
)
from sensorium.workers import calls, shell
from sensorium.workers.calls import Calls
from sensorium.workers.hearing_engines import ENGINES, opener, second_opinion

MAX_STREAMS = 64
_LOADING_S = 15.0

# How many samples are listened to at once. nano's encoder has one size of input and no smaller variant, so
# what a lower rung saves is waking up; it costs as much delay.
LADDER = Ladder(
    "hearing",
    (
        Rung("as it comes", 0),
        Rung("80 ms at once", CHUNK_SAMPLES, cost=1.3),
        Rung("160 ms at once", 2 * CHUNK_SAMPLES, cost=2.0),
    ),
)


class _Ear:
    """One stream. `waiting`: sound that is not listened to yet. `asked`: the numbers of utterances of which a
    second opinion is awaited; `closing`: for nothing else."""

    def __init__(self, sample_rate_hz: int, listener: Listener) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.resampler = Resampler(sample_rate_hz)
        self.listener = listener
        self.waiting = np.zeros(0, np.float32)
        self.num_samples = 0
        self.num_unclear = 0
        self.asked: set[int] = set()
        self.closing = False


class HearingWorker:
    """Serves one front until it says `Stop`. Single-threaded: sound is heard in the order it came.

    With a `second` opinion, utterances that the engine cannot make out are put to it. `loading` is held while
    an engine is made for a stream.
    """

    def __init__(
        self,
        front: shell.Shell,
        open_engine: Callable[[], Engine],
        counters: Counters,
        clock: Clock,
        meter: Meter | None = None,
        second: SecondOpinion | None = None,
        loading: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._front = front
        self._meter = meter or Meter("hearing", counters)
        self._quality = Controller(LADDER)
        self._open_engine = open_engine
        self._second = second
        self._loading = loading
        self._counters = counters
        self._clock = clock
        self._ears: dict[int, _Ear] = {}
        self._chunk_ms = Window()

    def serve(self) -> None:
        for record, payload in self._front.messages():
            self._handle(record, payload)

    def _handle(self, record: Record, payload: bytes) -> None:
        match record:
            case Inspect():
                self._front.answer(record, self._values())
            case OpenEar(stream_id=stream_id, sample_rate_hz=rate_hz):
                with self._front.failing(stream_id):
                    self._open(stream_id, rate_hz)
            case Hear(stream_id=stream_id, sent_s=sent_s):
                if (ear := self._ear(stream_id, "hear")) is not None:
                    self._guarded(stream_id, partial(self._hear, stream_id, ear, payload, sent_s))
            case CloseEar(stream_id=stream_id):
                if (ear := self._ear(stream_id, "close_ear")) is not None:
                    self._guarded(stream_id, partial(self._close, stream_id, ear))
            case Reconsidered(stream_id=stream_id):
                if (ear := self._ears.get(stream_id)) is not None:
                    self._reconsidered(ear, record)

    def _open(self, stream_id: int, rate_hz: int) -> None:
        if stream_id in self._ears:
            raise BadInput(f"stream {stream_id} is open already")
        if len(self._ears) >= MAX_STREAMS:
            raise BadInput(f"{MAX_STREAMS} streams are open", remedy="close one first")
        clear_from = UNCLEAR_BELOW if self._second is not None else 0.0
        with self._loading():
            engine = self._open_engine()
        heard = Listener(engine, Vad(), self._counters, clear_from=clear_from)
        self._ears[stream_id] = _Ear(rate_hz, heard)

    def _ear(self, stream_id: int, kind: str) -> _Ear | None:
        ear = self._ears.get(stream_id)
        if ear is None or ear.closing:
            self._counters.add("late_records_total", kind=kind)
            return None
        return ear

    def _guarded(self, stream_id: int, step: Callable[[], None]) -> None:
        try:
            step()
        except SensoriumError as e:
            del self._ears[stream_id]
            self._front.fail(stream_id, e)

    def _hear(self, stream_id: int, ear: _Ear, payload: bytes, sent_s: float) -> None:
        if len(payload) % 2 or not 0 < len(payload) <= 2 * ear.sample_rate_hz:
            raise BadInput(
                f"{len(payload)} bytes of sound: not whole 16-bit samples, or not up to one second"
            )
        pcm = ear.resampler.feed(from_int16(np.frombuffer(payload, "<i2")))
        ear.waiting = np.concatenate([ear.waiting, pcm])
        at_once = self._quality.rung.value
        while len(ear.waiting) and len(ear.waiting) >= at_once:
            step = max(CHUNK_SAMPLES, at_once)
            pcm, ear.waiting = ear.waiting[:step], ear.waiting[step:]
            self._listen(stream_id, ear, pcm)
            self._front.working()
            ear.num_samples += len(pcm)
            if ear.num_samples % CHUNK_SAMPLES < len(pcm) and sent_s:
                self._measure(sent_s)

    def _measure(self, sent_s: float) -> None:
        """A chunk of 80 ms is complete and what it gave is sent."""
        now_s = self._clock.now_s()
        ms = (now_s - sent_s) * 1000.0
        self._meter.add("hearing.chunk", ms)
        self._quality.add(ms / BY_STAGE["hearing.chunk"].ms, now_s)
        self._quality.handle(now_s)

    def _listen(self, stream_id: int, ear: _Ear, pcm: NDArray[np.float32]) -> None:
        start_s = self._clock.now_s()
        events = ear.listener.feed(pcm)
        stage = ("hearing.chunk", start_s, self._clock.now_s())
        self._chunk_ms.add((stage[2] - start_s) * 1000.0)
        self._send(stream_id, events, (stage,))

    def _close(self, stream_id: int, ear: _Ear) -> None:
        self._listen(stream_id, ear, np.concatenate([ear.waiting, ear.resampler.flush()]))
        start_s = self._clock.now_s()
        events = ear.listener.flush()
        self._send(stream_id, events, (("hearing.flush", start_s, self._clock.now_s()),))
        ear.closing = True
        self._end_if_over(stream_id, ear)

    def _end_if_over(self, stream_id: int, ear: _Ear) -> None:
        if ear.closing and not ear.asked:
            del self._ears[stream_id]
            self._front.send(EarClosed(stream_id))

    def _ask(self, stream_id: int, ear: _Ear, unclear: listener.Unclear) -> None:
        """The answer comes through our own mailbox, between two pieces of sound."""
        assert self._second is not None
        number = ear.num_unclear + 1
        post = self._front.post
        if not self._second.ask(unclear.sound, lambda text: post(Reconsidered(stream_id, number, text))):
            self._counters.add("second_opinions_total", outcome="not_asked")
            return
        self._counters.add("bridge_calls_total", kind="stt")
        ear.num_unclear = number
        ear.asked.add(number)
        self._front.send(Unclear(stream_id, number, unclear.until_sample))

    def _reconsidered(self, ear: _Ear, answer: Reconsidered) -> None:
        self._counters.add("second_opinions_total", outcome="words" if answer.text else "nothing")
        ear.asked.discard(answer.utterance)
        self._front.send(answer)
        self._end_if_over(answer.stream_id, ear)

    def _send(self, stream_id: int, events: list[listener.Event], stages: tuple[StageTuple, ...]) -> None:
        for event in events:
            match event:
                case listener.SpeechSuspected():
                    self._front.send(SpeechSuspected(stream_id, *event))
                case listener.SpeechStarted():
                    self._front.send(SpeechStarted(stream_id, *event))
                case listener.Rows(first_row=first_row, rows=rows):
                    self._front.send(Heard(stream_id, first_row), rows.astype("<f4", copy=False).tobytes())
                case listener.Words(text, until_sample, confidence, by_bridge):
                    self._front.send(Words(stream_id, text, until_sample, stages, confidence, by_bridge))
                case listener.Unclear():
                    self._ask(stream_id, self._ears[stream_id], event)
                case listener.SpeechPaused():
                    self._front.send(SpeechPaused(stream_id, *event))
                case listener.SpeechResumed():
                    self._front.send(SpeechResumed(stream_id, *event))

    def _values(self) -> dict[str, object]:
        return {
            "counters": self._counters.snapshot(),
            "open_streams": len(self._ears),
            "chunk_ms": self._chunk_ms.summary(),
            "second_opinion_failures": self._second.num_failures if self._second is not None else 0,
            "stages": self._meter.values(),
            **calls.quality_values(self._quality, self._clock.now_s()),
        }


def serve(front: shell.Shell, engine_name: str, bundle_name: str, stress: calls.Stress) -> None:
    """Loads the engine, warms it and the VAD up, reports `Ready` and serves."""
    clock, counters = SystemClock(), Counters()
    start_s = clock.now_s()
    meter = Meter("hearing", counters)
    open_engine, facts = opener(engine_name, bundle_name, Calls(meter, clock, stress))
    second = second_opinion(engine_name, bundle_name)
    engine = open_engine()
    engine.feed(np.zeros(SAMPLE_RATE_HZ, np.float32))
    engine.reset()
    Vad().feed(np.zeros(512, np.float32))
    limits = listener.FOR_BRIDGES if engine.is_bridge else listener.Limits()
    facts = {
        **facts,
        **({"second_opinion": "pocketsphinx"} if second is not None else {}),
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "utterance_end_ms": limits.utterance_end_ms,
        "priority": priority.raise_own(),
    }
    # pocketsphinx holds the interpreter for 2.8 s of one core to itself.
    loading = partial(front.computing, _LOADING_S) if engine.is_bridge else nullcontext
    with front.at_work():
        front.ready("hearing", clock.now_s() - start_s, facts)
        HearingWorker(front, open_engine, counters, clock, meter, second, loading).serve()


def main() -> int:
    parser = shell.argument_parser("hearing")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="native: the mind's own ear")
    parser.add_argument("--bundle", default="nano", help="name of a shipped bundle, or a bundle's folder")
    args = parser.parse_args()
    stress = calls.Stress(args.stress, args.stress_s)
    return shell.run(
        args.fd, ToHearing, lambda front: serve(front, args.engine, args.bundle, stress), args.rings
    )


if __name__ == "__main__":
    sys.exit(main())
