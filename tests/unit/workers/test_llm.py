"""The llm worker as the front meets it: one process-less run over a real socket, with a real tiny model."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from tests.unit.workers.conftest import Front

from sensorium.bench import random_gguf
from sensorium.bundles import catalogue
from sensorium.clock import SystemClock
from sensorium.errors import BundleError
from sensorium.inference.llama import LlamaConfig
from sensorium.inference.scheduler import Limits
from sensorium.request import AdapterUse, Block, Part, Prompt, Sampling, Scope, Tier
from sensorium.wire.records import (
    AdapterLoaded,
    Began,
    Cancel,
    Codes,
    Draft,
    Drafted,
    Failed,
    Finished,
    FromLlm,
    Generate,
    Inspect,
    LoadAdapter,
    Ping,
    Pong,
    Ready,
    Said,
    Settle,
    Settled,
    Stats,
    Stop,
    ToLlm,
)
from sensorium.workers import llm, shell

Connect = Callable[[object], tuple[Front, socket.socket]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_gguf.write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def speaking_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # About as many codes as phonemes: of a few, none may be likely after the word of a random mind.
    folder = random_gguf.write_bundle(tmp_path_factory.mktemp("speaking"), codes_per_group=40, seed=1)
    toml = (folder / "bundle.toml").read_text()
    (folder / "bundle.toml").write_text(toml.replace("audio_in = false", "audio_in = true"))
    return folder


@pytest.fixture
def front(connect: Connect, bundle: Path) -> Iterator[Front]:
    with serving(connect, bundle) as ours:
        yield ours


@pytest.fixture
def speaking_front(connect: Connect, speaking_bundle: Path) -> Iterator[Front]:
    with serving(connect, speaking_bundle) as ours:
        yield ours


@contextmanager
def serving(connect: Connect, bundle: Path) -> Iterator[Front]:
    ours, theirs = connect(FromLlm)
    config = LlamaConfig(cells=2048, sequences=16, batch_tokens=128, decode_threads=1, batch_threads=1)

    def work() -> None:
        worker_shell = shell.Shell(theirs.detach(), ToLlm)
        limits = Limits(context_tokens=512)
        llm.serve(worker_shell, catalogue.find(str(bundle)), config, 1 << 20, limits, SystemClock())
        worker_shell.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield ours
    with suppress(BrokenPipeError):  # it may have stopped already
        ours.send(Stop())
    thread.join(timeout=20)
    assert not thread.is_alive()


def special(text: str) -> Part:
    return Part(text, True)


def prompt(persona: str, history: tuple[str, ...] = (), new: str = "you are one voice") -> Prompt:
    end = special("<|end|>")
    return Prompt(
        persona,
        (
            Block(Tier.INVARIANT, Scope.SHARED, "rules", (special("<|begin|>"), Part("be silent"), end)),
            Block(Tier.INVARIANT, Scope.PERSONA, "identity", (special("<|identity|>"), Part(persona), end)),
            *(
                Block(Tier.SEMI_STABLE, Scope.SHARED, "conversation", (special("<|event|>"), Part(h), end))
                for h in history
            ),
            Block(Tier.VOLATILE, Scope.PERSONA, "newest", (Part(new), special("<|self|>"))),
        ),
    )


def generate(turn_id: int, **change: object) -> Generate:
    fields: dict[str, object] = {"prompt": prompt("maya"), "sampling": Sampling(), "max_tokens": 6}
    return Generate(turn_id, **{**fields, **change})  # type: ignore[arg-type]


def turn(front: Front, record: Generate) -> tuple[str, Finished]:
    front.send(record)
    messages = [m for m, _ in front.until(Finished, record.turn_id)]
    finished = messages[-1]
    assert isinstance(finished, Finished)
    assert isinstance(messages[0], Began)
    assert sum(messages[0].block_tokens) == messages[0].usage.prompt_tokens
    assert len(messages[0].block_tokens) == len(record.prompt.blocks)
    assert all(isinstance(m, Said) for m in messages[1:-1])
    return "".join(m.text for m in messages if isinstance(m, Said)), finished


def test_ready_tells_what_was_found(front: Front) -> None:
    ready, _ = front.receive()
    assert isinstance(ready, Ready) and ready.worker == "llm" and ready.warm_s > 0
    assert ready.facts["sequences"] == 16 and ready.facts["cells"] == 2048
    assert ready.facts["context_tokens"] == catalogue.find("nano").context_tokens
    assert ready.facts["prompt"] == catalogue.find("nano").prompt
    assert set(ready.facts["capabilities"]) == {"audio_in", "image_in", "audio_out", "tools"}
    assert len(ready.facts["fingerprint"]) > 10
    assert ready.facts["embedding_width"] == 64 and ready.facts["speech"] is None


def test_turns_settling_and_stats(front: Front) -> None:
    front.until(Ready)
    text, finished = turn(front, generate(1))
    assert finished.usage.cached_tokens == 0 and finished.reason == "length"
    assert [name for name, _, _ in finished.stages] == ["llm.wait", "llm.prefill", "llm.reply"]
    again, finished = turn(front, generate(2))
    assert again == text and finished.usage.processed_tokens == 5
    later = prompt("maya", ("answer",))
    front.send(Settle(later))
    settled = front.until(Settled)[-1][0]
    assert settled == Settled("maya", 3)
    _, finished = turn(front, generate(3, prompt=later))
    assert finished.usage.settled_tokens == 3 and finished.usage.processed_tokens == 5
    front.send(Inspect(9))
    stats = front.until(Stats)[-1][0]
    assert isinstance(stats, Stats)
    assert stats.values["parked"] == {"shared": 1, "persona": 1, "history": 1, "draft": 0}
    assert stats.values["turns"] == 3 and 0 < stats.values["hit_rate"] < 1
    assert stats.values["cells"]["used"] == finished.usage.prompt_tokens - 5
    assert stats.values["memory_bytes"]["kv"] > 0


def test_two_turns_at_once_say_what_they_say_alone(front: Front) -> None:
    front.until(Ready)
    alone = [turn(front, generate(i, prompt=prompt(p)))[0] for i, p in ((1, "maya"), (2, "leo"))]
    front.send(generate(3, prompt=prompt("maya")), generate(4, prompt=prompt("leo")))
    said, finished = {3: "", 4: ""}, 0
    while finished < 2:
        record, _ = front.receive()
        if isinstance(record, Said):
            said[record.turn_id] += record.text
        finished += isinstance(record, Finished)
    assert [said[3], said[4]] == alone


def test_a_cancelled_turn_finishes_as_such(front: Front) -> None:
    front.until(Ready)
    front.send(generate(1, max_tokens=400), Cancel(1), Cancel(77))
    finished = front.until(Finished, 1)[-1][0]
    assert isinstance(finished, Finished) and finished.reason == "cancelled"
    assert finished.usage.reply_tokens < 400
    turn(front, generate(2))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"max_tokens": 4000}, "context_full"),
        ({"sampling": Sampling(grammar="((")}, "bad_input"),
        ({"sampling": Sampling(temperature=-3.0)}, "bad_input"),
        ({"adapters": (AdapterUse("nobody"),)}, "not_found"),
        ({"prompt": Prompt("maya", ())}, "bad_input"),
        (
            {"prompt": Prompt("maya", (Block(Tier.VOLATILE, Scope.SHARED, "x", (special("<|no|>"),)),))},
            "bundle",
        ),
    ],
)
def test_a_bad_request_fails_alone(front: Front, change: dict[str, object], code: str) -> None:
    front.until(Ready)
    front.send(generate(1, **change), generate(2))
    failed = front.until(Failed, 1)[-1][0]
    assert isinstance(failed, Failed) and failed.code == code and "\n" not in failed.message
    front.until(Finished, 2)


def test_settling_that_cannot_be_done_is_answered_with_nothing_processed(front: Front) -> None:
    front.until(Ready)
    front.send(Settle(prompt("maya", ("hello " * 600,))))
    assert front.until(Settled)[-1][0] == Settled("maya", 0)


def test_adapters_are_loaded_used_and_refused(front: Front, bundle: Path, tmp_path: Path) -> None:
    front.until(Ready)
    lora = tmp_path / "voice.gguf"
    random_gguf.write_lora(lora, base=bundle / "mind.gguf")
    base, _ = turn(front, generate(1))
    front.send(LoadAdapter("voice", str(lora)), LoadAdapter("none", str(bundle / "mind.gguf")))
    loaded, refused = (front.until(AdapterLoaded)[-1][0] for _ in range(2))
    assert isinstance(loaded, AdapterLoaded) and loaded.num_bytes > 0 and not loaded.code
    assert isinstance(refused, AdapterLoaded) and refused.code == "adapter"
    with_voice, finished = turn(front, generate(2, adapters=(AdapterUse("voice"),)))
    assert with_voice != base and finished.usage.cached_tokens == 0
    assert turn(front, generate(3))[0] == base
    assert turn(front, generate(4, adapters=(AdapterUse("voice"),)))[0] == with_voice


def test_it_answers_while_it_computes(front: Front) -> None:
    front.until(Ready)
    front.send(generate(1, max_tokens=300), Ping(5))
    kinds = [type(m) for m, _ in front.until(Pong)]
    assert Finished not in kinds
    front.until(Finished, 1)


def test_stop_lets_a_turn_end(front: Front) -> None:
    front.until(Ready)
    front.send(generate(1, max_tokens=50), Stop())
    assert isinstance(front.until(Finished, 1)[-1][0], Finished)


def rows_of(seed: int, count: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 64)).astype("<f4")


def heard(*rows: np.ndarray) -> Prompt:
    """A prompt whose newest message was heard."""
    parts = [Part(hashlib.sha256(r.tobytes()).hexdigest(), rows=len(r)) for r in rows]
    newest = (Part("you are"), *parts, special("<|self|>"))
    before = prompt("maya").blocks[:-1]
    return Prompt("maya", (*before, Block(Tier.VOLATILE, Scope.PERSONA, "newest", newest)))


def test_what_was_heard_travels_behind_the_prompt(front: Front) -> None:
    front.until(Ready)
    said = []
    for turn_id, seeds in ((1, (1, 2)), (2, (2, 1)), (3, (1, 2))):
        rows = [rows_of(seed) for seed in seeds]
        front.send(generate(turn_id, prompt=heard(*rows)), payload=b"".join(r.tobytes() for r in rows))
        messages = [m for m, _ in front.until(Finished, turn_id)]
        finished = messages[-1]
        assert isinstance(finished, Finished) and finished.usage.prompt_tokens == 7 + 2 + 12 + 1
        said.append("".join(m.text for m in messages if isinstance(m, Said)))
    assert said[0] == said[2] != said[1]


@pytest.mark.parametrize(
    "payload",
    [b"", rows_of(1).tobytes()[:-4], rows_of(2).tobytes(), np.full((6, 64), np.nan, "<f4").tobytes()],
)
def test_rows_that_the_prompt_does_not_name_fail_their_turn_alone(front: Front, payload: bytes) -> None:
    front.until(Ready)
    front.send(generate(1, prompt=heard(rows_of(1))), payload=payload)
    front.send(generate(2))
    failed = front.until(Failed, 1)[-1][0]
    assert isinstance(failed, Failed) and failed.code == "bad_input" and "\n" not in failed.message
    front.until(Finished, 2)


def test_rows_in_what_is_to_be_kept_are_refused(front: Front) -> None:
    front.until(Ready)
    rows = rows_of(1)
    volatile = heard(rows).blocks[-1]
    kept = Prompt("maya", (Block(Tier.SEMI_STABLE, Scope.SHARED, "conversation", volatile.parts),))
    front.send(generate(1, prompt=kept), payload=rows.tobytes())
    failed = front.until(Failed, 1)[-1][0]
    assert isinstance(failed, Failed) and failed.code == "bad_input" and "SEMI_STABLE" in failed.message
    front.send(Settle(kept))
    assert front.until(Settled)[-1][0] == Settled("maya", 0)


def test_a_bundle_that_cannot_speak_says_so(front: Front) -> None:
    front.until(Ready)
    front.send(generate(1, speech_tokens=50))
    failed = front.until(Failed, 1)[-1][0]
    assert isinstance(failed, Failed) and failed.code == "bad_input" and failed.remedy


def test_a_spoken_reply_comes_as_text_and_then_as_frames(speaking_front: Front) -> None:
    ready = speaking_front.until(Ready)[-1][0]
    assert isinstance(ready, Ready) and ready.facts["capabilities"]["audio_out"]
    assert ready.facts["speech"]["codes_per_group"] == 40
    text = Sampling(grammar='root ::= " be quiet"')
    num_speech_tokens = num_frames = 0
    for turn_id, persona in enumerate(("maya", "leo", "ines", "sam"), 1):
        asked = generate(turn_id, prompt=prompt(persona), sampling=text, max_tokens=20, speech_tokens=150)
        speaking_front.send(asked)
        messages = speaking_front.until(Finished, turn_id)
        kinds = [type(m) for m, _ in messages]
        assert kinds == sorted(kinds, key=[Began, Said, Codes, Finished].index)
        assert "".join(m.text for m, _ in messages if isinstance(m, Said)) == " be quiet"
        frames = [(m.word, np.frombuffer(payload, "<i2")) for m, payload in messages if isinstance(m, Codes)]
        assert all(codes.shape == (2,) and codes.min() >= 0 and codes.max() < 40 for _, codes in frames)
        assert [word for word, _ in frames] == sorted(word for word, _ in frames)
        finished = messages[-1][0]
        assert isinstance(finished, Finished)
        assert 2 * len(frames) <= finished.usage.speech_tokens <= 150
        assert not frames or finished.stages[-1][0] == "llm.speech"
        num_speech_tokens += finished.usage.speech_tokens
        num_frames += len(frames)
    assert num_frames > 0  # a random mind, but the same on every run
    speaking_front.send(Inspect(9))
    stats = speaking_front.until(Stats)[-1][0]
    assert isinstance(stats, Stats)
    assert stats.values["tokens"]["speech"] == num_speech_tokens


def test_a_bundle_whose_mind_lacks_the_codes_is_refused(bundle: Path, tmp_path: Path) -> None:
    for name in ("bundle.toml", "mind.gguf"):
        (tmp_path / name).write_bytes((bundle / name).read_bytes())
    with (tmp_path / "bundle.toml").open("a") as file:
        file.write(random_gguf.speech_table(4))
    ours, theirs = socket.socketpair()
    worker_shell = shell.Shell(theirs.detach(), ToLlm)
    config = LlamaConfig(cells=256, sequences=2, batch_tokens=16, decode_threads=1, batch_threads=1)
    with pytest.raises(BundleError, match="code_0"):
        llm.serve(
            worker_shell,
            catalogue.find(str(tmp_path)),
            config,
            1 << 20,
            Limits(context_tokens=64),
            SystemClock(),
        )
    worker_shell.close()
    ours.close()


NAMED = (special("<|persona|>"), Part("theo"))


def test_a_draft_tells_how_likely_each_opening_is(front: Front) -> None:
    said = prompt("maya", ("sam comes in",))
    openings = ((special("<|self|>"),), NAMED, (*NAMED[:1], Part("maya")))
    # when
    front.send(Draft(said, "<|end|>", (), openings))
    drafted = front.until(Drafted)[-1][0]
    # then
    assert isinstance(drafted, Drafted) and drafted.persona_id == "maya" and drafted.processed_tokens > 0
    assert len(drafted.p_openings) == 3 and all(0.0 < p < 1.0 for p in drafted.p_openings)
    assert sum(drafted.p_openings) < 1.0


@pytest.mark.parametrize(
    "openings",
    [
        ((special("<|self|>"),), ()),
        ((special("<|nobody|>"),),),
        ((Part("ab" * 32, rows=1),),),
        ((special("<|self|>"),) * 9,),
        (NAMED,) * 65,
    ],
    ids=["empty", "unknown token", "rows", "too long", "too many"],
)
def test_an_opening_that_cannot_be_is_refused_and_the_worker_goes_on(
    front: Front, openings: tuple[tuple[Part, ...], ...]
) -> None:
    front.send(Draft(prompt("maya"), "<|end|>", (), openings))
    assert front.until(Drafted)[-1][0] == Drafted("maya", 0, 0.0)
    front.send(Draft(prompt("maya"), "<|end|>", (), (NAMED,)))
    drafted = front.until(Drafted)[-1][0]
    assert isinstance(drafted, Drafted) and len(drafted.p_openings) == 1
