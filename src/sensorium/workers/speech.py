"""The speech worker: words or speech codes of several turns in, their sound out.

Dispatch only: when a phrase ends and what codes sound like is decided in `speech/`. One engine a process; a
turn that is given what the engine does not take fails. A turn is known from `Speak` to `Spoken` or `Failed`;
what comes for it later is dropped and counted.
"""

from __future__ import annotations

import sys
from collections import deque
from contextlib import closing

import numpy as np

from sensorium.bundles.catalogue import find
from sensorium.clock import Clock, SystemClock
from sensorium.errors import BadInput, SensoriumError
from sensorium.metrics import Counters, Window
from sensorium.persona import Voice
from sensorium.speech.mouth import Engine, Events, Mouth, Pcm, Phrase, Word, WordCodes
from sensorium.wire.records import (
    Cancel,
    Inspect,
    PhraseSpoken,
    Record,
    Say,
    SayCodes,
    SayEnd,
    Sound,
    Speak,
    Spoken,
    StageTuple,
    ToSpeech,
    WordSpoken,
)
from sensorium.workers import shell

ENGINES = ("auto", "codec", "espeak", "fake")
_BYTES_PER_FRAME = 4


class _Turn:
    """A mouth, and how long it was at work."""

    def __init__(self, mouth: Mouth) -> None:
        self.mouth = mouth
        self.busy_s = 0.0


class SpeechWorker:
    """Serves one front until it says `Stop`. Single-threaded: records are handled in the order they came, but
    after every chunk it looks whether a `Cancel` for this turn waits.
    """

    def __init__(self, front: shell.Shell, engine: Engine, counters: Counters, clock: Clock) -> None:
        self._front = front
        self._engine = engine
        self._counters = counters
        self._clock = clock
        self._turns: dict[int, _Turn] = {}
        self._backlog: deque[shell.Message] = deque()
        self._first_chunk_ms = Window()
        self._phrase_ms = Window()
        self._rtf = Window()

    def serve(self) -> None:
        for message in self._front.messages():
            self._backlog.append(message)
            while self._backlog:
                self._handle(*self._backlog.popleft())

    def _handle(self, record: Record, payload: bytes) -> None:
        match record:
            case Inspect():
                self._front.answer(record, self._values())
            case Speak(turn_id=turn_id, voice=voice):
                with self._front.failing(turn_id):
                    self._open(turn_id, voice)
            case Say(turn_id=turn_id, text=text):
                if (turn := self._turn(turn_id, "say")) is not None:
                    self._emit(turn_id, turn, turn.mouth.feed(text))
            case SayCodes(turn_id=turn_id, word=word):
                if (turn := self._turn(turn_id, "say_codes")) is not None:
                    self._emit(turn_id, turn, _feed_codes(turn.mouth, word, payload))
            case SayEnd(turn_id=turn_id):
                if (turn := self._turn(turn_id, "say_end")) is not None:
                    self._emit(turn_id, turn, turn.mouth.flush())
                    self._close(turn_id)
            case Cancel(turn_id=turn_id):
                self._close(turn_id)

    def _open(self, turn_id: int, voice: Voice) -> None:
        if turn_id in self._turns:
            raise BadInput(f"turn {turn_id} is being spoken already")
        self._turns[turn_id] = _Turn(self._engine.open(voice))

    def _turn(self, turn_id: int, kind: str) -> _Turn | None:
        turn = self._turns.get(turn_id)
        if turn is None or self._cancel_waits(turn_id):
            self._counters.add("late_records_total", kind=kind)
            return None
        return turn

    def _close(self, turn_id: int) -> None:
        if (turn := self._turns.pop(turn_id, None)) is not None:
            if num_samples := turn.mouth.num_samples:
                self._rtf.add(turn.busy_s * self._engine.sample_rate_hz / num_samples)
            self._front.send(Spoken(turn_id, turn.mouth.num_samples))

    def _emit(self, turn_id: int, turn: _Turn, events: Events) -> None:
        """Sends the events of one call; an error of the engine ends the turn with `Failed`."""
        start_s = self._clock.now_s()
        try:
            with closing(events):
                self._send_all(turn_id, turn.mouth, events)
        except SensoriumError as e:
            del self._turns[turn_id]
            self._front.fail(turn_id, e)
        turn.busy_s += self._clock.now_s() - start_s

    def _send_all(self, turn_id: int, mouth: Mouth, events: Events) -> None:
        start_s = self._clock.now_s()
        stages: list[StageTuple] = []
        for event in events:
            match event:
                case Pcm(samples=samples):
                    payload = samples.astype("<i2", copy=False).data
                    self._front.send(Sound(turn_id, self._engine.sample_rate_hz), payload)
                    if not stages:
                        stages.append(("speech.first_chunk", start_s, self._clock.now_s()))
                    if mouth.num_samples == len(samples):
                        self._first_chunk_ms.add((stages[0][2] - start_s) * 1000.0)
                case Phrase():
                    stages.append(("speech.phrase", start_s, self._clock.now_s()))
                    self._front.send(PhraseSpoken(turn_id, *event, stages=tuple(stages)))
                    if event.end_sample > event.start_sample:
                        self._phrase_ms.add((stages[-1][2] - start_s) * 1000.0)
                    start_s, stages = self._clock.now_s(), []
                case Word():
                    self._front.send(WordSpoken(turn_id, *event))
            if self._cancel_waits(turn_id):
                return

    def _cancel_waits(self, turn_id: int) -> bool:
        self._backlog.extend(self._front.take_waiting())
        return any(isinstance(record, Cancel) and record.turn_id == turn_id for record, _ in self._backlog)

    def _values(self) -> dict[str, object]:
        return {
            "engine": self._engine.engine,
            "counters": self._counters.snapshot(),
            "open_turns": len(self._turns),
            "first_chunk_ms": self._first_chunk_ms.summary(),
            "phrase_ms": self._phrase_ms.summary(),
            "rtf": self._rtf.summary(),
        }


def _feed_codes(mouth: Mouth, word: int, payload: bytes) -> Events:
    """A generator too, so that a payload of no whole frames fails the turn as everything else does."""
    if len(payload) % _BYTES_PER_FRAME:
        raise BadInput(f"{len(payload)} bytes of speech codes are no whole frames of {_BYTES_PER_FRAME}")
    codes = np.frombuffer(payload, "<i2").astype(np.int16, copy=False).reshape(-1, 2)
    yield from mouth.feed(WordCodes(word, codes))


def open_engine(engine: str, bundle_name: str, counters: Counters) -> Engine:
    """The engine called so. What the others need is not imported: a native turn knows no bridge.

    Raises NotFound or BundleError for the codec's file, MissingExtra when a bridge is not installed.
    """
    if engine == "auto":
        engine = "codec" if find(bundle_name).capabilities.audio_out else "espeak"
    if engine == "codec":
        from sensorium.speech.codec import CodecModel, Decoder
        from sensorium.speech.native import NativeVoice

        model = CodecModel.load(find(bundle_name).file("codec"))
        return NativeVoice(lambda: Decoder(model))
    from sensorium.speech.synthesizer import BridgedVoice

    if engine == "fake":
        from sensorium.speech.fake import FakeTextToSpeech

        return BridgedVoice(FakeTextToSpeech(), counters)
    from sensorium.speech.espeak import EspeakBridge

    return BridgedVoice(EspeakBridge(on_restart=lambda: counters.add("tts_restarts_total")), counters)


def serve(front: shell.Shell, engine_name: str, bundle_name: str) -> None:
    """Opens the engine, warms it up, reports `Ready` and serves."""
    clock, counters = SystemClock(), Counters()
    start_s = clock.now_s()
    with closing(open_engine(engine_name, bundle_name, counters)) as engine:
        facts = engine.warm_up()
        front.ready("speech", clock.now_s() - start_s, facts)
        SpeechWorker(front, engine, counters, clock).serve()


def main() -> int:
    parser = shell.argument_parser("speech")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="codec: the mind's own voice")
    parser.add_argument("--bundle", default="nano", help="name of a shipped bundle, or a bundle's folder")
    args = parser.parse_args()
    return shell.run(args.fd, ToSpeech, lambda front: serve(front, args.engine, args.bundle), args.rings)


if __name__ == "__main__":
    sys.exit(main())
