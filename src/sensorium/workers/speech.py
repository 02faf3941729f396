"""The speech worker: words or speech codes of several turns in, their sound out, as far as it is granted.

Dispatch only: when a phrase ends and what codes sound like is decided in `speech/`. One engine a process; a
turn that is given what the engine does not take fails. A turn is known from `Speak` to `Spoken` or `Failed`;
what comes for it later is dropped and counted. A turn whose listener is slow waits, and nobody else does.
"""

from __future__ import annotations

import sys
from collections import deque
from contextlib import closing

import numpy as np

from sensorium import priority
from sensorium.budgets import BY_STAGE, Meter
from sensorium.bundles.catalogue import find
from sensorium.clock import Clock, SystemClock
from sensorium.errors import BadInput, SensoriumError
from sensorium.metrics import Counters, Window
from sensorium.persona import Voice
from sensorium.quality import Controller, Ladder, Rung
from sensorium.speech.mouth import Engine, Events, Mouth, Pcm, Phrase, Word, WordCodes
from sensorium.wire.records import (
    Cancel,
    Grant,
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
from sensorium.workers import calls, shell
from sensorium.workers.calls import Calls

ENGINES = ("auto", "codec", "espeak", "fake")
_BYTES_PER_FRAME = 4
_KINDS = {Say: "say", SayCodes: "say_codes", SayEnd: "say_end"}
_FRAME_S = 0.04
# What a frame costs when so many are made at once, as a share of one alone; measured on nano's codec.
_COSTS = {1: 1.0, 2: 0.7, 5: 0.6}


def ladder(frames_at_once: tuple[int, ...]) -> Ladder:
    """Of an engine that makes so many frames at once, the first chunk always alone. No sound is left out."""
    return Ladder("speech", tuple(Rung(f"{40 * n} ms at once", n, _COSTS[n]) for n in frames_at_once))


class _Turn:
    """A mouth, what it is still to say, and how long it was at work."""

    def __init__(self, turn_id: int, mouth: Mouth, until_ms: int) -> None:
        self.turn_id = turn_id
        self.mouth = mouth
        self.until_ms = until_ms
        self.to_say: deque[shell.Message] = deque()
        self.events: Events | None = None  # of what is being said
        self.is_last = False
        self.busy_s = 0.0
        # Of codes; a phrase tells its own.
        self.first_codes_s: float | None = None
        self.sound_stages: list[StageTuple] = []
        # Of the phrase under way: its stages, when it began, and how long the mouth was at work before.
        self.stages: list[StageTuple] = []
        self.start_s = 0.0
        self.busy_before_s = 0.0

    def may_go_on(self, sample_rate_hz: int) -> bool:
        """There is something to say, and the listener can take it."""
        if self.events is None and not self.to_say:
            return False
        return self.mouth.num_samples * 1000 < self.until_ms * sample_rate_hz


class SpeechWorker:
    """Serves one front until it says `Stop`; then turns go on as far as they may. Single-threaded: turns take
    their turns, a chunk each, and what has come meanwhile is looked at after every round.
    """

    def __init__(
        self,
        front: shell.Shell,
        engine: Engine,
        counters: Counters,
        clock: Clock,
        meter: Meter | None = None,
    ) -> None:
        self._front = front
        self._meter = meter or Meter("speech", counters)
        self._quality = Controller(ladder(engine.ladder))
        self._engine = engine
        self._counters = counters
        self._clock = clock
        self._turns: dict[int, _Turn] = {}
        self._first_chunk_ms = Window()
        self._phrase_ms = Window()
        self._rtf = Window()

    def serve(self) -> None:
        while (ready := self._ready()) or not self._front.ended:
            for message in self._front.take_waiting() if ready else [self._front.take()]:
                if message is not None:
                    self._handle(*message)
            for turn in ready:
                if turn.turn_id in self._turns:
                    self._go_on(turn)

    def _ready(self) -> list[_Turn]:
        rate_hz = self._engine.sample_rate_hz
        return [turn for turn in self._turns.values() if turn.may_go_on(rate_hz)]

    def _handle(self, record: Record, payload: bytes) -> None:
        match record:
            case Inspect():
                self._front.answer(record, self._values())
            case Speak(turn_id=turn_id, voice=voice, until_ms=until_ms):
                with self._front.failing(turn_id):
                    self._open(turn_id, voice, until_ms)
            case Grant(turn_id=turn_id, until_ms=until_ms):
                # For a turn that is over it comes late by its nature: the listener takes what was sent.
                if (turn := self._turns.get(turn_id)) is not None:
                    turn.until_ms = max(turn.until_ms, until_ms)
            case Say() | SayCodes() | SayEnd():
                if (turn := self._turns.get(record.turn_id)) is not None:
                    turn.to_say.append((record, payload))
                else:
                    self._counters.add("late_records_total", kind=_KINDS[type(record)])
            case Cancel(turn_id=turn_id):
                if (turn := self._turns.get(turn_id)) is not None:
                    self._close(turn)

    def _open(self, turn_id: int, voice: Voice, until_ms: int) -> None:
        if turn_id in self._turns:
            raise BadInput(f"turn {turn_id} is being spoken already")
        self._turns[turn_id] = _Turn(turn_id, self._engine.open(voice), until_ms)

    def _close(self, turn: _Turn) -> None:
        del self._turns[turn.turn_id]
        if turn.events is not None:
            turn.events.close()
        if num_samples := turn.mouth.num_samples:
            self._rtf.add(turn.busy_s * self._engine.sample_rate_hz / num_samples)
        if turn.first_codes_s is not None:
            turn.sound_stages.append(("speech.sound", turn.first_codes_s, self._clock.now_s()))
        self._front.send(Spoken(turn.turn_id, turn.mouth.num_samples, tuple(turn.sound_stages)))

    def _go_on(self, turn: _Turn) -> None:
        """Until the next chunk was sent, or nothing is left to say; an error of the engine ends the turn."""
        start_s, num_samples = self._clock.now_s(), turn.mouth.num_samples
        if not turn.stages:
            turn.start_s, turn.busy_before_s = start_s, turn.busy_s
        try:
            done = self._say(turn, start_s)
        except SensoriumError as e:
            del self._turns[turn.turn_id]
            self._front.fail(turn.turn_id, e)
            return
        seconds = self._clock.now_s() - start_s
        turn.busy_s += seconds
        if turn.first_codes_s is not None:
            self._made((turn.mouth.num_samples - num_samples) / self._engine.sample_rate_hz, seconds)
        if done:
            self._close(turn)

    def _say(self, turn: _Turn, step_s: float) -> bool:
        """True when the turn's last sample was sent."""
        while True:
            if turn.events is None:
                if turn.is_last or not turn.to_say:
                    return turn.is_last
                turn.events = self._events(turn, *turn.to_say.popleft())
            for event in turn.events:
                self._tell(turn, event, step_s)
                if isinstance(event, Pcm):
                    return False
            turn.events = None

    def _events(self, turn: _Turn, record: Record, payload: bytes) -> Events:
        match record:
            case Say(text=text):
                return turn.mouth.feed(text)
            case SayCodes(word=word):
                if turn.first_codes_s is None:
                    turn.first_codes_s = self._clock.now_s()
                return _feed_codes(turn.mouth, word, payload)
        turn.is_last = True
        return turn.mouth.flush()

    def _tell(self, turn: _Turn, event: Pcm | Phrase | Word, step_s: float) -> None:
        match event:
            case Pcm(samples=samples):
                payload = samples.astype("<i2", copy=False).data
                self._front.send(Sound(turn.turn_id, self._engine.sample_rate_hz), payload)
                if not turn.stages:
                    turn.stages.append(("speech.first_chunk", turn.start_s, self._clock.now_s()))
                if turn.mouth.num_samples == len(samples):
                    self._first_chunk((turn.stages[0][2] - turn.start_s) * 1000.0)
                    if turn.first_codes_s is not None:
                        turn.sound_stages.append(turn.stages[0])
            case Phrase():
                now_s = self._clock.now_s()
                # Between its chunks other turns spoke, or the listener was waited for.
                busy_s = turn.busy_s - turn.busy_before_s + now_s - step_s
                turn.stages.append(("speech.phrase", turn.start_s, turn.start_s + busy_s))
                self._front.send(PhraseSpoken(turn.turn_id, *event, stages=tuple(turn.stages)))
                if event.end_sample > event.start_sample:
                    self._phrase_ms.add(busy_s * 1000.0)
                turn.stages, turn.start_s = [], now_s
                turn.busy_before_s = turn.busy_s + now_s - step_s
            case Word():
                self._front.send(WordSpoken(turn.turn_id, *event))

    def _first_chunk(self, ms: float) -> None:
        self._first_chunk_ms.add(ms)
        self._meter.add("speech.first_chunk", ms)
        self._quality.add(ms / BY_STAGE["speech.first_chunk"].ms, self._clock.now_s())

    def _made(self, sound_s: float, seconds: float) -> None:
        """So much sound was made. It must take less time than it sounds."""
        now_s = self._clock.now_s()
        self._quality.add(seconds / max(sound_s, _FRAME_S * self._quality.rung.value), now_s)
        self._engine.frames_at_once = self._quality.handle(now_s).value

    def _values(self) -> dict[str, object]:
        return {
            "engine": self._engine.engine,
            "counters": self._counters.snapshot(),
            "open_turns": len(self._turns),
            "first_chunk_ms": self._first_chunk_ms.summary(),
            "phrase_ms": self._phrase_ms.summary(),
            "rtf": self._rtf.summary(),
            "stages": self._meter.values(),
            **calls.quality_values(self._quality, self._clock.now_s()),
        }


def _feed_codes(mouth: Mouth, word: int, payload: bytes) -> Events:
    """A generator too, so that a payload of no whole frames fails the turn as everything else does."""
    if len(payload) % _BYTES_PER_FRAME:
        raise BadInput(f"{len(payload)} bytes of speech codes are no whole frames of {_BYTES_PER_FRAME}")
    codes = np.frombuffer(payload, "<i2").astype(np.int16, copy=False).reshape(-1, 2)
    yield from mouth.feed(WordCodes(word, codes))


def open_engine(engine: str, bundle_name: str, counters: Counters, calls: Calls) -> Engine:
    """The engine called so. What the others need is not imported: a native turn knows no bridge.

    Raises NotFound or BundleError for the codec's file, MissingExtra when a bridge is not installed.
    """
    if engine == "auto":
        engine = "codec" if find(bundle_name).capabilities.audio_out else "espeak"
    if engine == "codec":
        from sensorium.speech.codec import CodecModel, Decoder
        from sensorium.speech.native import NativeVoice

        model = CodecModel.load(find(bundle_name).file("codec"))
        calls.watch(model, "run")
        return NativeVoice(lambda: Decoder(model))
    from sensorium.speech.synthesizer import BridgedVoice

    if engine == "fake":
        from sensorium.speech.fake import FakeTextToSpeech

        return BridgedVoice(FakeTextToSpeech(), counters)
    from sensorium.speech.espeak import EspeakBridge

    return BridgedVoice(EspeakBridge(on_restart=lambda: counters.add("tts_restarts_total")), counters)


def serve(front: shell.Shell, engine_name: str, bundle_name: str, stress: calls.Stress) -> None:
    """Opens the engine, warms it up, reports `Ready` and serves."""
    clock, counters = SystemClock(), Counters()
    start_s = clock.now_s()
    meter = Meter("speech", counters)
    opened = open_engine(engine_name, bundle_name, counters, Calls(meter, clock, stress))
    with closing(opened) as engine, front.at_work():
        facts = {**engine.warm_up(), "priority": priority.raise_own()}
        front.ready("speech", clock.now_s() - start_s, facts)
        SpeechWorker(front, engine, counters, clock, meter).serve()


def main() -> int:
    parser = shell.argument_parser("speech")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="codec: the mind's own voice")
    parser.add_argument("--bundle", default="nano", help="name of a shipped bundle, or a bundle's folder")
    args = parser.parse_args()
    stress = calls.Stress(args.stress, args.stress_s)
    return shell.run(
        args.fd, ToSpeech, lambda front: serve(front, args.engine, args.bundle, stress), args.rings
    )


if __name__ == "__main__":
    sys.exit(main())
