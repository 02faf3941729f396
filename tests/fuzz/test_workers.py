"""Any records in any order to each worker: it answers still, and the next stream, look or turn is as ever."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.fuzz.examples import fuzz
from tests.fuzz.records import anything, of_union
from tests.fuzz.test_files import damaged
from tests.unit.workers.conftest import Front
from tests.unit.workers.test_hearing import SAID, SPEECH
from tests.unit.workers.test_vision import PLAIN, THINGS, worker_of

from sensorium.bundles.catalogue import find
from sensorium.clock import SystemClock
from sensorium.hearing.bridge import EarWords
from sensorium.hearing.encoder import EarModel
from sensorium.hearing.fake import FakeSpeechToText
from sensorium.metrics import Counters
from sensorium.persona import Voice
from sensorium.speech.fake import FakeDecoder, FakeTextToSpeech
from sensorium.speech.mouth import Engine
from sensorium.speech.native import NativeVoice
from sensorium.speech.synthesizer import BridgedVoice
from sensorium.tools.loading import installed
from sensorium.tools.mcp_servers import State
from sensorium.wire import framing
from sensorium.wire.records import (
    CallTool,
    CloseEar,
    EarClosed,
    Failed,
    FromHearing,
    FromSpeech,
    FromTools,
    FromVision,
    Hear,
    Inspect,
    Look,
    OpenEar,
    Ping,
    Record,
    Say,
    SayCodes,
    SayEnd,
    Seen,
    Sound,
    Speak,
    Spoken,
    Stats,
    Stop,
    ToHearing,
    ToolAnswer,
    ToSpeech,
    ToTools,
    ToVision,
    Unchanged,
    Words,
)
from sensorium.workers.hearing import HearingWorker
from sensorium.workers.shell import Shell
from sensorium.workers.speech import SpeechWorker
from sensorium.workers.tools import ToolsWorker

# Above all that fuzzed records name, below what they may.
fresh_ids = itertools.count(1 << 40)


def sends(union: str) -> st.SearchStrategy[list[tuple[Record, bytes]]]:
    sound = st.binary(max_size=64) | st.integers(1, 1_000).map(lambda n: bytes(2 * n))
    return st.lists(st.tuples(of_union(union, Stop, Ping, Inspect), sound), max_size=12)


def answers(front: Front) -> list[tuple[Record, bytes]]:
    """All that came until now; the worker is alive."""
    front.send(Inspect(0))
    return front.until(Stats)[:-1]


def send_all(front: Front, messages: list[tuple[Record, bytes]]) -> None:
    front.socket.sendall(b"".join(framing.encode(record, payload) for record, payload in messages))


@pytest.fixture
def eyes(run_worker) -> Front:
    return run_worker(FromVision, ToVision, worker_of(*THINGS))


@pytest.fixture
def ears(run_worker) -> Front:
    def make(shell: Shell) -> HearingWorker:
        return HearingWorker(shell, lambda: FakeSpeechToText((SAID,)), Counters(), SystemClock())

    return run_worker(FromHearing, ToHearing, make)


@pytest.fixture
def mouths(run_worker) -> dict[str, Front]:
    engines = {"bridge": BridgedVoice(FakeTextToSpeech(), Counters()), "native": NativeVoice(FakeDecoder)}

    def run(engine: Engine) -> Front:
        make = partial(SpeechWorker, engine=engine, counters=Counters(), clock=SystemClock())
        return run_worker(FromSpeech, ToSpeech, make)

    return {name: run(engine) for name, engine in engines.items()}


@pytest.fixture
def tools(run_worker, tmp_path) -> Front:
    def make(shell: Shell) -> ToolsWorker:
        return ToolsWorker(shell, installed([]), State, tmp_path, Counters())

    return run_worker(FromTools, ToTools, make)


@fuzz
@given(data=st.data())
def test_the_eye(eyes: Front, data):
    files = data.draw(st.lists(damaged(PLAIN, 60) | st.binary(max_size=40), max_size=4))
    looks = [(Look(n, data.draw(st.integers(0, 5))), file) for n, file in enumerate(files)]
    send_all(eyes, looks + data.draw(sends("ToVision")))
    answers(eyes)
    look_id = next(fresh_ids)
    eyes.send(Look(look_id), payload=PLAIN)
    seen, rows = eyes.receive()
    assert isinstance(seen, Seen) and seen.look_id == look_id
    assert (seen.num_rows, len(rows)) == (3, 4 * 3 * 3)


@fuzz
@given(messages=sends("ToHearing"))
def test_the_ear(ears: Front, messages):
    send_all(ears, messages)
    answers(ears)
    # Streams that were opened stay open until they are closed, as many as there may be.
    ids = {record.stream_id for record, _ in messages if isinstance(record, OpenEar)}
    send_all(ears, [(CloseEar(stream_id), b"") for stream_id in ids])
    answers(ears)
    stream_id = next(fresh_ids)
    ears.send(OpenEar(stream_id, 16_000), CloseEar(stream_id))
    assert ears.receive()[0] == EarClosed(stream_id)


@pytest.mark.parametrize("engine", ["bridge", "native"])
@fuzz
@given(data=st.data())
def test_the_mouth(mouths: dict[str, Front], engine: str, data):
    """given records of two turns mixed with any others, when a third speaks, then it is heard in full"""
    mouth = mouths[engine]
    words = st.builds(Say, turn_id=st.integers(1, 2), text=st.text(max_size=12))
    codes = st.builds(SayCodes, turn_id=st.integers(1, 2), word=st.integers(-1, 3))
    opened = st.builds(
        Speak, turn_id=st.integers(1, 2), voice=st.just(Voice()), until_ms=st.integers(-9, 9_000)
    )
    mixed = st.tuples(words | codes | opened, st.binary(max_size=24) | st.just(bytes(16)))
    send_all(mouth, data.draw(st.lists(mixed, max_size=8)) + data.draw(sends("ToSpeech")))
    answers(mouth)
    turn_id = next(fresh_ids)
    said = Say(turn_id, "hello there. ") if engine == "bridge" else SayCodes(turn_id, 0)
    send_all(mouth, [(Speak(turn_id, Voice(), 60_000), b""), (said, bytes(4 * 10)), (SayEnd(turn_id), b"")])
    # The others may still have something to say, as far as they were granted.
    told = [(record, pcm) for record, pcm in mouth.until(Spoken, turn_id) if record.turn_id == turn_id]
    num_samples = sum(len(pcm) // 2 for record, pcm in told if isinstance(record, Sound))
    spoken = told[-1][0]
    assert isinstance(spoken, Spoken) and spoken.num_samples == num_samples > 0


@fuzz
@given(messages=sends("ToTools"), arguments=st.text(max_size=40) | anything.map(repr))
def test_the_tools(tools: Front, messages, arguments):
    """given any calls with any arguments, when a good one comes, then it is answered"""
    send_all(tools, messages)
    names = ("notes", "timer", "nothing")
    asked = [CallTool(next(fresh_ids), name, arguments, "room", "maya") for name in names]
    send_all(tools, [(call, b"") for call in asked])
    call_id = next(fresh_ids)
    tools.send(CallTool(call_id, "timer", '{"action": "left"}', "room", "maya"))
    while (told := tools.receive()[0]) != ToolAnswer(call_id, "there is no timer"):
        if isinstance(told, Failed) and told.turn_id == call_id:
            assert told.message == "8 tools are at work already"
            tools.send(CallTool(call_id := next(fresh_ids), "timer", '{"action": "left"}', "room", "maya"))


NOISE = np.random.default_rng(11)


def bad_sound(front: Front, at: int) -> None:
    """A stream of loud noise with impossible pieces in between, one that never opens, and a wrong rate."""
    other = 100 + at
    loud = NOISE.integers(-32_768, 32_768, 4_800).astype("<i2").tobytes()
    front.send(OpenEar(other, 48_000), OpenEar(other, 8_000), OpenEar(other + 1, 10**9))
    front.send(Hear(other), Hear(other), payload=loud)
    front.send(Hear(other), payload=b"\0" if at % 3_200 else bytes(200_000))
    front.send(Hear(other), Hear(other + 2), payload=loud)
    front.send(CloseEar(other), CloseEar(other))


def heard(front: Front, disturb: Callable[[Front, int], None]) -> list[Record]:
    """What stream 1 hears, without the times that it took."""
    front.send(OpenEar(1, 16_000))
    for at in range(0, len(SPEECH), 1_600):
        front.send(Hear(1), payload=SPEECH[at : at + 1_600].astype("<i2").tobytes())
        disturb(front, at)
    front.send(CloseEar(1))
    told = []
    while EarClosed(1) not in told:
        record, _ = front.receive()
        if isinstance(record, Words):
            record = replace(record, stages=())
        if getattr(record, "stream_id", 0) == 1:
            told.append(record)
    return told


def test_what_one_person_says_is_heard_as_ever_beside_garbage(run_worker):
    """given nano's ear, when other streams send what is no sound, then no word of this one is another"""
    model = EarModel.load(find("nano").file("ear"))

    def ears(shell: Shell) -> HearingWorker:
        return HearingWorker(shell, lambda: EarWords(model), Counters(), SystemClock())

    alone = heard(run_worker(FromHearing, ToHearing, ears), lambda front, at: None)
    beside = heard(run_worker(FromHearing, ToHearing, ears), bad_sound)
    assert [record.text for record in alone if isinstance(record, Words)][-1] == SAID
    assert beside == alone


def test_what_one_camera_shows_is_seen_as_ever_beside_garbage(eyes: Front):
    frames = [simplejpeg.encode_jpeg(np.full((40, 60, 3), level, np.uint8)) for level in (20, 90, 91, 200)]
    bad = [b"", frames[0][:-20], bytes(1_000), simplejpeg.encode_jpeg(np.zeros((4, 900, 3), np.uint8))]
    for n, frame in enumerate(frames, 1):
        eyes.send(Look(n, max(0, n - 1)), payload=frame)
        eyes.send(Look(50 + n, n), payload=bad[n - 1])
    told = [record for record, _ in answers(eyes)]
    kinds = [type(record) for record in told if not isinstance(record, Failed)]
    assert kinds == [Seen, Seen, Unchanged, Seen]
    assert [record.turn_id for record in told if isinstance(record, Failed)] == [51, 52, 53, 54]
