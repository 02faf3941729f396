"""The speech worker's dispatch over a real socket pair, and the whole process with each engine."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest

from sensorium.clock import SystemClock
from sensorium.errors import WorkerFailed
from sensorium.metrics import Counters
from sensorium.persona import Voice
from sensorium.speech.fake import FakeTextToSpeech
from sensorium.speech.mouth import LATER_CHUNK_MS
from sensorium.speech.synthesizer import BridgedVoice
from sensorium.wire.records import (
    Cancel,
    Failed,
    FromSpeech,
    Grant,
    Inspect,
    PhraseSpoken,
    Ready,
    Record,
    Say,
    SayEnd,
    Sound,
    Speak,
    Spoken,
    Stats,
    Stop,
    ToSpeech,
)
from sensorium.workers.speech import SpeechWorker

# Whoever listens takes everything.
FAR_MS = 1_000_000


class Gated(FakeTextToSpeech):
    """Waits before every chunk after the first of a phrase until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.num_chunks = 0

    def synthesize(self, text, voice):
        for chunk in super().synthesize(text, voice):
            self.num_chunks += 1
            yield chunk
            assert self.gate.acquire(timeout=20)


class Breaking(FakeTextToSpeech):
    def synthesize(self, text, voice):
        if "break" in text:
            raise WorkerFailed("the engine broke", remedy="say something else")
        yield from super().synthesize(text, voice)


@pytest.fixture
def serve(run_worker):
    """Runs the worker's loop on a thread against an engine of the test's choice."""

    def start(bridge: FakeTextToSpeech):
        counters = Counters()
        engine = BridgedVoice(bridge, counters)
        return run_worker(FromSpeech, ToSpeech, lambda s: SpeechWorker(s, engine, counters, SystemClock()))

    return start


@pytest.fixture(params=["fake", "espeak"])
def process(request, connect):
    front, theirs = connect(FromSpeech)
    command = [sys.executable, "-m", "sensorium.workers.speech"]
    child = subprocess.Popen(
        [*command, "--fd", str(theirs.fileno()), "--engine", request.param],
        pass_fds=[theirs.fileno()],
        stderr=subprocess.PIPE,
    )
    theirs.close()
    ready, _ = front.receive()
    if isinstance(ready, Failed) and ready.code == "missing_extra":
        pytest.skip(ready.message)
    assert isinstance(ready, Ready)
    yield front, child, ready
    front.socket.close()
    told = child.communicate(timeout=20)[1].splitlines()
    assert all(line.startswith(b"refused ") for line in told), told
    assert child.returncode in (0, -signal.SIGKILL)


def stats(front) -> dict[str, object]:
    front.send(Inspect(1))
    record, _ = front.until(Stats)[-1]
    assert isinstance(record, Stats)
    return record.values


def phrases(messages: list[tuple[Record, bytes]], turn_id: int) -> list[PhraseSpoken]:
    return [r for r, _ in messages if isinstance(r, PhraseSpoken) and r.turn_id == turn_id]


def sound(messages: list[tuple[Record, bytes]], turn_id: int) -> np.ndarray:
    return np.frombuffer(
        b"".join(p for r, p in messages if isinstance(r, Sound) and r.turn_id == turn_id), "<i2"
    )


def test_a_turn_is_spoken_from_the_first_piece_to_the_last_sample(process):
    front, child, ready = process
    rate = ready.facts["sample_rate_hz"]
    assert ready.worker == "speech" and ready.warm_s > 0
    assert ready.facts["num_voices"] > 0 and ready.facts["engine"]

    pieces = [" hello", " there", " .", " i", " like", " old", " maps", " ."]
    front.send(Speak(7, Voice(), FAR_MS), *(Say(7, piece) for piece in pieces), SayEnd(7))
    messages = front.until(Spoken)

    said = phrases(messages, 7)
    assert [p.text for p in said] == [" hello there .", " i like old maps ."]
    assert messages[-1][0] == Spoken(7, len(sound(messages, 7)))
    assert said[0].start_sample == 0 and said[1].end_sample == len(sound(messages, 7)) > rate
    assert said[0].end_sample == said[1].start_sample
    sizes_ms = [1000 * len(p) / 2 / rate for r, p in messages if isinstance(r, Sound)]
    assert sizes_ms[0] <= 40 and max(sizes_ms) <= 200
    assert {r.sample_rate_hz for r, _ in messages if isinstance(r, Sound)} == {rate}
    assert [name for name, _, _ in said[0].stages] == ["speech.first_chunk", "speech.phrase"]
    assert all(start_s <= end_s for p in said for _, start_s, end_s in p.stages)

    values = stats(front)
    assert values["counters"] == {"bridge_calls_total{kind=tts}": 2}
    assert [values[name]["count"] for name in ("first_chunk_ms", "phrase_ms", "rtf")] == [1, 2, 1]
    assert values["rss_bytes"] > 1_000_000 and values["open_turns"] == 0
    front.send(Stop())
    assert child.wait(timeout=20) == 0


def test_a_voice_that_does_not_exist_fails_its_turn_only(process):
    front, _child, _ready = process
    front.send(Speak(1, Voice(espeak="en-uss"), FAR_MS), Say(1, "Hello."), SayEnd(1))
    front.send(Speak(2, Voice(espeak="en-gb+f2"), FAR_MS), Say(2, "Hello."), SayEnd(2))
    messages = front.until(Spoken)
    failed, _ = messages[0]
    assert failed == Failed(1, "not_found", "no voice called 'en-uss'", "did you mean 'en-us'?")
    assert messages[-1][0].turn_id == 2 and not phrases(messages, 1)
    assert stats(front)["counters"]["late_records_total{kind=say}"] == 1


def test_the_espeak_process_dies_and_the_turn_goes_on(process):
    front, child, ready = process
    if ready.facts["engine"] == "fake":
        pytest.skip("has no process")
    front.send(Speak(1, Voice(), FAR_MS), Say(1, "One word. "), Say(1, "Two"))
    front.until(PhraseSpoken)
    [espeak] = psutil.Process(child.pid).children()
    os.kill(espeak.pid, signal.SIGKILL)
    front.send(SayEnd(1))
    messages = front.until(Spoken)
    assert [p.text for p in phrases(messages, 1)] == [" Two"]
    assert stats(front)["counters"]["tts_restarts_total"] == 1


def test_a_worker_killed_leaves_no_process_behind(process):
    _front, child, _ready = process
    child.kill()
    # The espeak process has the other end of this pipe too: it is closed when both are dead.
    assert child.stderr.read() == b""


def test_two_turns_come_in_the_order_of_their_words(serve):
    front = serve(FakeTextToSpeech())
    front.send(
        Speak(1, Voice(), FAR_MS), Speak(2, Voice(pitch=80), FAR_MS),
        Say(1, "One."), Say(2, "Two."), Say(1, " Three."), SayEnd(2), SayEnd(1),
    )  # fmt: skip
    messages = front.until(Spoken, 1)
    order = [(r.turn_id, r.text) for r, _ in messages if isinstance(r, PhraseSpoken)]
    assert order == [(1, "One."), (2, "Two."), (1, " Three.")]
    assert [r for r, _ in messages if isinstance(r, Spoken)] == [
        Spoken(2, len(sound(messages, 2))), Spoken(1, len(sound(messages, 1))),
    ]  # fmt: skip


def test_a_cancel_ends_the_sound_within_one_chunk(serve):
    bridge = Gated()
    front = serve(bridge)
    front.send(Speak(1, Voice(), FAR_MS), Say(1, "abcdefghijklmnop. And more"))
    assert isinstance(front.receive()[0], Sound)
    front.send(Cancel(1), Say(1, " too late"), SayEnd(1))
    front.sync()
    bridge.gate.release(200)
    front.send(Inspect(1))
    messages = front.until(Stats)
    kinds = [type(record) for record, _ in messages]
    assert kinds.count(Sound) <= 1 and kinds.count(Spoken) == 1 and PhraseSpoken not in kinds
    counters = messages[-1][0].values["counters"]
    assert counters["late_records_total{kind=say}"] == 1
    assert counters["late_records_total{kind=say_end}"] == 1
    assert bridge.num_chunks <= 6


def test_a_cancel_overtakes_words_that_wait_behind_another_turn(serve):
    bridge = Gated()
    front = serve(bridge)
    front.send(Speak(1, Voice(), FAR_MS), Say(1, "ab. c"))
    assert isinstance(front.receive()[0], Sound)
    front.send(Speak(2, Voice(), FAR_MS), Say(2, "never heard. x"), Cancel(2), SayEnd(1))
    front.sync()
    bridge.gate.release(200)
    messages = [*front.until(Spoken), *front.until(Spoken)]
    assert next(r for r, _ in messages if isinstance(r, Spoken)) == Spoken(2, 0)
    assert not phrases(messages, 2) and not len(sound(messages, 2))
    assert [p.text for p in phrases(messages, 1)] == ["ab.", " c"]


def test_a_cancel_of_a_turn_that_is_over_says_nothing(serve):
    front = serve(FakeTextToSpeech())
    front.send(Speak(1, Voice(), FAR_MS), SayEnd(1), Cancel(1), Cancel(9))
    assert front.receive()[0] == Spoken(1, 0)
    assert stats(front)["open_turns"] == 0


def test_an_engine_that_breaks_fails_the_turn_and_the_next_one_speaks(serve):
    front = serve(Breaking())
    front.send(Speak(1, Voice(), FAR_MS), Say(1, "One. Now break. Then"), SayEnd(1))
    front.send(Speak(2, Voice(), FAR_MS), Say(2, "Two"), SayEnd(2))
    messages = front.until(Spoken)
    ends = [r for r, _ in messages if isinstance(r, Failed | Spoken)]
    assert ends[0] == Failed(1, "worker_failed", "the engine broke", "say something else")
    assert ends[1].turn_id == 2
    assert [p.text for p in phrases(messages, 1)] == ["One."]


def test_a_turn_opened_twice_is_refused_and_goes_on(serve):
    front = serve(FakeTextToSpeech())
    front.send(Speak(1, Voice(), FAR_MS), Speak(1, Voice(), FAR_MS), Say(1, "a"), SayEnd(1))
    messages = front.until(Spoken)
    assert [type(r) for r, _ in messages] == [Failed, Sound, Sound, PhraseSpoken, Spoken]


def test_text_of_any_length_is_spoken_whole(serve):
    front = serve(FakeTextToSpeech())
    text = "".join(itertools.islice(itertools.cycle("ab cd "), 3_000))
    front.send(Speak(1, Voice(), FAR_MS), Say(1, text), SayEnd(1))
    messages = front.until(Spoken)
    assert "".join(p.text for p in phrases(messages, 1)) == text


LONG = "one two three four five six seven eight nine ten " * 8


def sent_ms(messages: list[tuple[Record, bytes]], turn_id: int, rate: int) -> float:
    return 1000 * len(sound(messages, turn_id)) / rate


def test_a_turn_whose_listener_is_slow_waits_and_nobody_else_does(serve):
    bridge = FakeTextToSpeech()
    front = serve(bridge)
    # given a listener that takes nothing
    front.send(Speak(1, Voice(), 500), Say(1, LONG), SayEnd(1))
    front.send(Inspect(1))
    messages = front.until(Stats)
    # then others are answered and speak
    front.send(Speak(2, Voice(), FAR_MS), Say(2, "Two."), SayEnd(2))
    messages += front.until(Spoken, 2)
    front.send(Inspect(2))
    messages += front.until(Stats)
    assert 500 <= sent_ms(messages, 1, bridge.sample_rate_hz) <= 500 + LATER_CHUNK_MS
    assert Spoken not in [type(r) for r, _ in messages if getattr(r, "turn_id", 0) == 1]
    # when it takes more, bit by bit, it gets no more than that
    for until_ms in (1_000, 1_600):
        front.send(Grant(1, until_ms), Inspect(3))
        while sent_ms(messages, 1, bridge.sample_rate_hz) < until_ms:
            messages.append(front.receive())
        front.send(Inspect(3))
        messages += front.until(Stats)
        assert sent_ms(messages, 1, bridge.sample_rate_hz) <= until_ms + LATER_CHUNK_MS
    # and in the end everything, once
    front.send(Grant(1, FAR_MS))
    messages += front.until(Spoken, 1)
    assert messages[-1][0] == Spoken(1, len(sound(messages, 1)))
    assert "".join(p.text for p in phrases(messages, 1)) == LONG


def test_a_grant_that_comes_late_or_takes_back_changes_nothing(serve):
    bridge = FakeTextToSpeech()
    front = serve(bridge)
    front.send(Grant(9, 100), Speak(1, Voice(), 1_000), Grant(1, 10), Say(1, "One two three. "), SayEnd(1))
    messages = front.until(Spoken)
    assert 0 < sent_ms(messages, 1, bridge.sample_rate_hz) <= 1_000
    front.send(Grant(1, 5_000))
    assert stats(front)["open_turns"] == 0


def test_a_turn_that_waits_for_its_listener_is_cancelled_at_once(serve):
    front = serve(FakeTextToSpeech())
    front.send(Speak(1, Voice(), 100), Say(1, LONG), SayEnd(1), Cancel(1))
    messages = front.until(Spoken)
    assert messages[-1][0] == Spoken(1, len(sound(messages, 1)))
    assert stats(front)["open_turns"] == 0


def test_when_the_front_stops_nobody_waits_for_a_listener_that_takes_nothing(process):
    front, child, _ready = process
    front.send(Speak(1, Voice(), 100), Say(1, LONG), SayEnd(1), Stop())
    assert child.wait(timeout=20) == 0
