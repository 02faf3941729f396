"""The speech worker with a native engine: codes in, and words told by number; and that no bridge is near."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from sensorium.clock import SystemClock
from sensorium.metrics import Counters
from sensorium.persona import Voice
from sensorium.speech.fake import FakeDecoder, FakeTextToSpeech
from sensorium.speech.mouth import Engine
from sensorium.speech.native import NativeVoice
from sensorium.speech.synthesizer import BridgedVoice
from sensorium.wire.records import (
    Cancel,
    Failed,
    FromSpeech,
    Inspect,
    PhraseSpoken,
    Ready,
    Record,
    Say,
    SayCodes,
    SayEnd,
    Sound,
    Speak,
    Spoken,
    Stats,
    Stop,
    ToSpeech,
    WordSpoken,
)
from sensorium.workers.speech import SpeechWorker

CODES = np.random.default_rng(4).integers(0, 1000, (40, 2)).astype("<i2")
MANY = np.resize(CODES, (200, 2))


# Whoever listens takes everything.
FAR_MS = 1_000_000


@pytest.fixture
def serve(run_worker):
    """Runs the worker's loop on a thread against an engine of the test's choice."""

    def start(engine: Engine):
        return run_worker(
            FromSpeech, ToSpeech, lambda shell: SpeechWorker(shell, engine, Counters(), SystemClock())
        )

    return start


def stats(front) -> dict[str, object]:
    front.send(Inspect(1))
    record, _ = front.until(Stats)[-1]
    assert isinstance(record, Stats)
    return record.values


def untimed(record: Record) -> Record:
    assert isinstance(record, Spoken)
    return msgspec.structs.replace(record, stages=())


def sound(messages: list[tuple[Record, bytes]], turn_id: int) -> np.ndarray:
    return np.frombuffer(
        b"".join(p for r, p in messages if isinstance(r, Sound) and r.turn_id == turn_id), "<i2"
    )


def say_codes(front, turn_id: int, word: int, codes: np.ndarray) -> None:
    front.send(SayCodes(turn_id, word), payload=codes.tobytes())


def words(messages: list[tuple[Record, bytes]], turn_id: int) -> list[WordSpoken]:
    return [r for r, _ in messages if isinstance(r, WordSpoken) and r.turn_id == turn_id]


def test_codes_become_sound_and_their_words_are_told(serve):
    front = serve(NativeVoice(FakeDecoder))
    front.send(Speak(1, Voice(), FAR_MS))
    for i, word in enumerate([0] * 10 + [1] * 20 + [3] * 10):
        say_codes(front, 1, word, CODES[i : i + 1])
    front.send(SayEnd(1))
    messages = front.until(Spoken)
    np.testing.assert_array_equal(sound(messages, 1), np.repeat(1 + CODES[:, 0], 640))
    assert words(messages, 1) == [
        WordSpoken(1, 0, 0, 6_400), WordSpoken(1, 1, 6_400, 19_200), WordSpoken(1, 3, 19_200, 25_600),
    ]  # fmt: skip
    assert untimed(messages[-1][0]) == Spoken(1, 25_600)
    assert [name for name, _, _ in messages[-1][0].stages] == ["speech.first_chunk", "speech.sound"]
    assert not any(isinstance(r, PhraseSpoken) for r, _ in messages)
    values = stats(front)
    assert values["counters"] == {}
    assert [values[name]["count"] for name in ("first_chunk_ms", "phrase_ms", "rtf")] == [1, 0, 1]


def test_sound_comes_before_the_turn_is_over(serve):
    front = serve(NativeVoice(FakeDecoder))
    front.send(Speak(1, Voice(), FAR_MS))
    say_codes(front, 1, 0, CODES[:4])
    record, payload = front.receive()
    assert record == Sound(1, 16_000)
    assert len(payload) == 2 * 1_600


@pytest.mark.parametrize(
    ("word", "payload", "message"),
    [
        (0, b"\0" * 6, "no whole frames"),
        (0, CODES.tobytes()[:-1], "no whole frames"),
        (0, np.full((1, 2), 1000, "<i2").tobytes(), "from 0 to 999"),
        (0, np.full((1, 2), -1, "<i2").tobytes(), "from 0 to 999"),
        (-1, CODES.tobytes(), "word -1"),
        (0, bytes(4 * 1_501), "at once"),
    ],
)
def test_codes_that_are_none_fail_their_turn_only(serve, word, payload, message):
    front = serve(NativeVoice(FakeDecoder))
    front.send(Speak(1, Voice(), FAR_MS), Speak(2, Voice(), FAR_MS))
    front.send(SayCodes(1, word), payload=payload)
    failed, _ = front.receive()
    assert isinstance(failed, Failed)
    assert (failed.turn_id, failed.code) == (1, "bad_input")
    assert message in failed.message
    say_codes(front, 2, 0, CODES)
    front.send(SayEnd(1), SayEnd(2))
    assert untimed(front.until(Spoken)[-1][0]) == Spoken(2, 25_600)


def test_endless_speech_ends_with_an_error(serve):
    front = serve(NativeVoice(FakeDecoder))
    front.send(Speak(1, Voice(), FAR_MS))
    for _ in range(4):
        say_codes(front, 1, 0, np.resize(CODES, (400, 2)))
    messages = front.until(Failed)
    assert "60 s" in messages[-1][0].message
    assert len(sound(messages, 1)) <= 1_200 * 640


def test_a_worker_takes_either_words_or_codes(serve):
    """given a worker of each kind, when it is given what the other takes, then that turn fails and says so"""
    native, bridged = serve(NativeVoice(FakeDecoder)), serve(BridgedVoice(FakeTextToSpeech(), Counters()))
    native.send(Speak(1, Voice(), FAR_MS), Say(1, "Hello."))
    bridged.send(Speak(1, Voice(), FAR_MS))
    say_codes(bridged, 1, 0, CODES)
    for front, message in ((native, "codes, not words"), (bridged, "words, not codes")):
        failed, _ = front.receive()
        assert isinstance(failed, Failed)
        assert (failed.turn_id, failed.code) == (1, "bad_input")
        assert message in failed.message and failed.remedy
        front.send(Speak(2, Voice(), FAR_MS), SayEnd(2))
        assert front.receive()[0] == Spoken(2, 0)


class GatedDecoder(FakeDecoder):
    """Waits before every frame after the fourth until the test lets it go on."""

    def __init__(self, gate: threading.Semaphore, fed: list[int]) -> None:
        super().__init__()
        self._gate, self._fed = gate, fed

    def feed(self, codes):
        assert len(self._fed) < 4 or self._gate.acquire(timeout=20)
        self._fed.append(len(codes))
        return super().feed(codes)


def test_a_cancel_ends_the_sound_of_codes_within_one_chunk(serve):
    gate, fed = threading.Semaphore(0), []
    front = serve(NativeVoice(lambda: GatedDecoder(gate, fed)))
    front.send(Speak(1, Voice(), FAR_MS))
    say_codes(front, 1, 0, np.resize(CODES, (200, 2)))
    assert isinstance(front.receive()[0], Sound)
    front.send(Cancel(1))
    say_codes(front, 1, 1, CODES)
    front.sync()
    gate.release(400)
    front.send(Inspect(1))
    messages = front.until(Stats)
    assert [type(r) for r, _ in messages].count(Sound) <= 1
    [spoken] = [r for r, _ in messages if isinstance(r, Spoken)]
    assert 1_600 <= spoken.num_samples <= 1_600 + 3_200
    assert messages[-1][0].values["counters"] == {"late_records_total{kind=say_codes}": 1}
    assert len(fed) <= 6


def test_a_native_process_speaks_and_knows_no_bridge(native_process):
    """given a whole process with the codec, when a turn was spoken, then no bridge's module was imported"""
    codes = np.load(Path(__file__).parents[1] / "speech" / "codec_golden.npz")["codes"].astype("<i2")
    front, child = native_process("speech", FromSpeech, "--engine", "codec")
    ready, _ = front.receive()
    assert isinstance(ready, Ready)
    assert (ready.facts["engine"], ready.facts["sample_rate_hz"]) == ("codec", 16_000)

    front.send(Speak(1, Voice(), FAR_MS))
    say_codes(front, 1, 0, codes[:12])
    say_codes(front, 1, 1, codes[12:])
    front.send(SayEnd(1))
    messages = front.until(Spoken)

    pcm = sound(messages, 1)
    assert untimed(messages[-1][0]) == Spoken(1, 640 * len(codes)) and len(pcm) == 640 * len(codes)
    assert [w.word for w in words(messages, 1)] == [0, 1]
    assert np.sqrt(np.mean((pcm / 32768.0) ** 2)) > 0.01
    assert not any("bridge" in name for name in stats(front)["counters"])
    front.send(Stop())
    assert child.communicate(timeout=20)[0].splitlines() == ["bridges:", "native: True"]
    assert child.returncode == 0


def test_a_bundle_without_a_codec_is_reported(connect, tmp_path):
    (tmp_path / "bundle.toml").write_text(
        'name = "mute"\nversion = "0"\nlicence = "x"\nsource = "x"\ncontext_tokens = 8\n[files]\n[prompt]\n'
    )
    front, theirs = connect(FromSpeech)
    fd = theirs.fileno()
    command = [sys.executable, "-m", "sensorium.workers.speech", "--fd", str(fd), "--engine", "codec"]
    with subprocess.Popen(
        [*command, "--bundle", str(tmp_path)], pass_fds=[fd], stderr=subprocess.PIPE
    ) as child:
        theirs.close()
        failed = front.receive()[0]
        assert isinstance(failed, Failed)
        assert (failed.turn_id, failed.code, failed.message) == (0, "bundle", "bundle mute has no codec")
        assert len(child.communicate(timeout=20)[1].splitlines()) == 1
    assert child.returncode == 2


class SlowClock(SystemClock):
    """50 ms go by whenever somebody looks."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        self._now_s += 0.05
        return self._now_s


def test_when_frames_take_longer_than_they_sound_more_are_made_at_once_and_none_is_lost(run_worker):
    """given a clock by which every call takes too long, then the ladder goes down, and the sound is whole"""
    engine = NativeVoice(FakeDecoder, SlowClock())
    front = run_worker(
        FromSpeech, ToSpeech, lambda shell: SpeechWorker(shell, engine, Counters(), SlowClock())
    )
    front.send(Speak(1, Voice(), FAR_MS))
    for i, frame in enumerate(MANY):
        say_codes(front, 1, i, frame[None])
    front.send(SayEnd(1))
    messages = front.until(Spoken)
    whole = FakeDecoder()
    np.testing.assert_array_equal(sound(messages, 1), np.concatenate((whole.feed(MANY), whole.flush())))
    assert len(words(messages, 1)) == len(MANY)

    values = stats(front)
    assert engine.frames_at_once > 1
    assert values["ladder"]["at"] >= 1
    assert values["stages"]["speech.first_chunk"]["count"] == 1
    assert values["changes"][0][1] == "80 ms at once"


def test_a_bridge_has_nothing_to_choose(serve):
    front = serve(BridgedVoice(FakeTextToSpeech(), Counters()))
    assert stats(front)["ladder"] == {"rung": "40 ms at once", "at": 0, "of": 1, "changes": 0}
