"""The speech worker: words of several turns in, their sound out.

Dispatch only: when a phrase ends and what it sounds like is decided in `speech/`. A turn is known from
`Speak` to `Spoken` or `Failed`; what comes for it later is dropped and counted.
"""

from __future__ import annotations

import sys
from collections import deque
from contextlib import closing

from sensorium.clock import Clock, SystemClock
from sensorium.errors import BadInput, SensoriumError
from sensorium.metrics import Counters, Window
from sensorium.persona import Voice
from sensorium.speech.bridge import TextToSpeech
from sensorium.speech.espeak import EspeakBridge
from sensorium.speech.fake import FakeTextToSpeech
from sensorium.speech.synthesizer import Events, Pcm, Phrase, Synthesizer
from sensorium.wire.records import (
    Cancel,
    Inspect,
    PhraseSpoken,
    Record,
    Say,
    SayEnd,
    Sound,
    Speak,
    Spoken,
    StageTuple,
    ToSpeech,
)
from sensorium.workers import shell

ENGINES = ("espeak", "fake")


class SpeechWorker:
    """Serves one front until it says `Stop`. Single-threaded: records are handled in the order they came, but
    after every chunk it looks whether a `Cancel` for this turn waits.
    """

    def __init__(self, front: shell.Shell, bridge: TextToSpeech, counters: Counters, clock: Clock) -> None:
        self._front = front
        self._bridge = bridge
        self._counters = counters
        self._clock = clock
        self._mouths: dict[int, Synthesizer] = {}
        self._backlog: deque[Record] = deque()
        self._first_chunk_ms = Window()
        self._phrase_ms = Window()
        self._rtf = Window()

    def serve(self) -> None:
        for record, _payload in self._front.messages():
            self._backlog.append(record)
            while self._backlog:
                self._handle(self._backlog.popleft())

    def _handle(self, record: Record) -> None:
        match record:
            case Inspect():
                self._front.answer(record, self._values())
            case Speak(turn_id=turn_id, voice=voice):
                with self._front.failing(turn_id):
                    self._open(turn_id, voice)
            case Say(turn_id=turn_id, text=text):
                if (mouth := self._mouth(turn_id, "say")) is not None:
                    self._emit(turn_id, mouth.feed(text))
            case SayEnd(turn_id=turn_id):
                if (mouth := self._mouth(turn_id, "say_end")) is not None:
                    self._emit(turn_id, mouth.flush())
                    self._close(turn_id)
            case Cancel(turn_id=turn_id):
                self._close(turn_id)

    def _open(self, turn_id: int, voice: Voice) -> None:
        if turn_id in self._mouths:
            raise BadInput(f"turn {turn_id} is being spoken already")
        self._mouths[turn_id] = Synthesizer(self._bridge, voice, self._counters)

    def _mouth(self, turn_id: int, kind: str) -> Synthesizer | None:
        mouth = self._mouths.get(turn_id)
        if mouth is None or self._cancel_waits(turn_id):
            self._counters.add("late_records_total", kind=kind)
            return None
        return mouth

    def _close(self, turn_id: int) -> None:
        if (mouth := self._mouths.pop(turn_id, None)) is not None:
            self._front.send(Spoken(turn_id, mouth.num_samples))

    def _emit(self, turn_id: int, events: Events) -> None:
        """Sends the events of one call; an error of the engine ends the turn with `Failed`."""
        try:
            with closing(events):
                self._send_all(turn_id, events)
        except SensoriumError as e:
            del self._mouths[turn_id]
            self._front.fail(turn_id, e)

    def _send_all(self, turn_id: int, events: Events) -> None:
        start_s = self._clock.now_s()
        stages: list[StageTuple] = []
        for event in events:
            match event:
                case Pcm(samples=samples):
                    payload = samples.astype("<i2", copy=False).data
                    self._front.send(Sound(turn_id, self._bridge.sample_rate_hz), payload)
                    if not stages:
                        stages.append(("speech.first_chunk", start_s, self._clock.now_s()))
                case Phrase():
                    stages.append(("speech.phrase", start_s, self._clock.now_s()))
                    self._front.send(PhraseSpoken(turn_id, *event, stages=tuple(stages)))
                    self._measure(event, stages)
                    start_s, stages = self._clock.now_s(), []
            if self._cancel_waits(turn_id):
                return

    def _cancel_waits(self, turn_id: int) -> bool:
        self._backlog.extend(record for record, _payload in self._front.take_waiting())
        return any(isinstance(record, Cancel) and record.turn_id == turn_id for record in self._backlog)

    def _measure(self, phrase: Phrase, stages: list[StageTuple]) -> None:
        audio_s = (phrase.end_sample - phrase.start_sample) / self._bridge.sample_rate_hz
        for name, start_s, end_s in stages:
            if name == "speech.first_chunk":
                self._first_chunk_ms.add((end_s - start_s) * 1000.0)
            elif audio_s > 0:
                self._phrase_ms.add((end_s - start_s) * 1000.0)
                self._rtf.add((end_s - start_s) / audio_s)

    def _values(self) -> dict[str, object]:
        return {
            "engine": self._bridge.engine,
            "counters": self._counters.snapshot(),
            "open_turns": len(self._mouths),
            "first_chunk_ms": self._first_chunk_ms.summary(),
            "phrase_ms": self._phrase_ms.summary(),
            "rtf": self._rtf.summary(),
        }


def open_bridge(engine: str, counters: Counters) -> TextToSpeech:
    """The engine called so. Raises MissingExtra when it is not installed."""
    if engine == "fake":
        return FakeTextToSpeech()
    return EspeakBridge(on_restart=lambda: counters.add("tts_restarts_total"))


def serve(front: shell.Shell, engine: str) -> None:
    """Opens the engine, warms it up, reports `Ready` and serves."""
    clock, counters = SystemClock(), Counters()
    start_s = clock.now_s()
    with closing(open_bridge(engine, counters)) as bridge:
        for _ in bridge.synthesize("ready", Voice()):
            pass
        facts = {
            "engine": bridge.engine,
            "sample_rate_hz": bridge.sample_rate_hz,
            "num_voices": len(bridge.list_voices()),
        }
        front.ready("speech", clock.now_s() - start_s, facts)
        SpeechWorker(front, bridge, counters, clock).serve()


def main() -> int:
    parser = shell.argument_parser("speech")
    parser.add_argument("--engine", choices=ENGINES, default="espeak")
    args = parser.parse_args()
    return shell.run(args.fd, ToSpeech, lambda front: serve(front, args.engine))


if __name__ == "__main__":
    sys.exit(main())
