"""inference/remote.py against the real llama-server of the xllamacpp wheel, with tiny random models."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import psutil
import pytest
from tests.compat.mind_contract import MindContract, ask, began, reply

from sensorium.bench import random_gguf
from sensorium.bench.prompts import WordVocabulary
from sensorium.clock import SystemClock
from sensorium.errors import BundleError, NotFound, WorkerDied, WorkerFailed
from sensorium.inference.jobs import Settled
from sensorium.inference.mind import Mind
from sensorium.inference.remote import Address, RemoteMind
from sensorium.request import AdapterUse

pytest.importorskip(
    "xllamacpp", reason="no llama-server: the xllamacpp wheel is not installed (group compat)"
)

from sensorium.bench.llama_server import LlamaServer, ServerSettings

SLOTS = 3
CELLS = SLOTS * 1536


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "mind.gguf"
    random_gguf.write_dense(path)
    return path


@pytest.fixture(scope="module")
def adapters(model: Path) -> tuple[Path, Path]:
    paths = (model.with_name("kind.gguf"), model.with_name("stern.gguf"))
    for seed, path in enumerate(paths, start=5):
        random_gguf.write_lora(path, base=model, seed=seed)
    return paths


def remote(url: str, *, pinned: bool = True, ram_cache_off: bool = False) -> RemoteMind:
    return RemoteMind(Address(url=url, ram_cache_off=ram_cache_off), SystemClock(), pinned=pinned)


def settings(model: Path, **rest: object) -> ServerSettings:
    return ServerSettings(model=str(model), slots=SLOTS, context_cells=CELLS, threads=1, **rest)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[LlamaServer]:
    with LlamaServer(settings(model)) as running:
        yield running


@pytest.fixture(scope="module")
def adapter_server(model: Path, adapters: tuple[Path, Path]) -> Iterator[LlamaServer]:
    with LlamaServer(settings(model, adapters=tuple(map(str, adapters)), ram_cache_mib=0)) as running:
        yield running


class TestPinned(MindContract):
    @pytest.fixture
    def mind(self, server: LlamaServer) -> Mind:
        return remote(server.url)


class TestServersOwnChoice(MindContract):
    @pytest.fixture
    def mind(self, server: LlamaServer) -> Mind:
        return remote(server.url, pinned=False)


def test_the_server_says_how_many_slots_it_has(server: LlamaServer) -> None:
    mind = remote(server.url)

    assert mind.slots is not None and mind.slots.num_slots == SLOTS
    assert mind.context_tokens == CELLS // SLOTS


def test_personas_in_any_order_stay_warm_while_there_are_slots(server: LlamaServer) -> None:
    mind = remote(server.url)
    for persona in (0, 1, 2):
        list(mind.generate(ask(persona)))

    processed = [began(list(mind.generate(ask(p)))).usage.processed_tokens for p in (2, 0, 1, 1, 0, 2)]

    assert max(processed) <= 4
    assert mind.slots is not None and mind.slots.num_evictions == 0


def test_text_and_special_tokens_are_kept_apart(server: LlamaServer) -> None:
    mind = remote(server.url)

    assert mind.special("<|end|>") == 1
    assert 1 not in mind.tokenize("<|end|>")
    sentence = " " + " ".join(random_gguf.words(9))
    assert mind.tokenize(sentence) == WordVocabulary().tokenize(sentence)
    with pytest.raises(BundleError):
        mind.special("<|nonsense|>")


def test_closing_the_iterator_stops_the_server(server: LlamaServer) -> None:
    """The same slot answers the next turn, so that one waits for as long as the first goes on."""
    mind = remote(server.url)
    started_s = time.monotonic()
    list(mind.generate(ask(max_tokens=1300)))
    whole_s = time.monotonic() - started_s

    events = mind.generate(ask(max_tokens=1300))
    list(islice(events, 2))
    events.close()
    started_s = time.monotonic()
    list(mind.generate(ask(max_tokens=1)))

    assert time.monotonic() - started_s < whole_s / 2


def test_a_adapter_b_adapter_a_gives_a_again(adapter_server: LlamaServer) -> None:
    """Given one persona on one slot, when its adapter changes and changes back, nothing of B's is left."""
    cold = {}
    for name in ("kind", "stern"):
        with_one = ask(adapters=(AdapterUse(name),))
        cold[name] = reply(list(remote(adapter_server.url).generate(with_one)))
    plain = reply(list(remote(adapter_server.url).generate(ask())))
    mind = remote(adapter_server.url, ram_cache_off=True)
    assert mind.caches

    said = [reply(list(mind.generate(ask(adapters=(AdapterUse(n),))))) for n in ("kind", "stern", "kind")]

    assert said == [cold["kind"], cold["stern"], cold["kind"]]
    assert len({plain, *said}) == 3
    assert reply(list(mind.generate(ask()))) == plain


def test_without_a_promise_an_adapter_server_is_never_asked_to_cache(adapter_server: LlamaServer) -> None:
    mind = remote(adapter_server.url)
    list(mind.generate(ask()))

    usage = began(list(mind.generate(ask()))).usage

    assert not mind.caches and usage.cached_tokens == 0
    (settled,) = mind.generate(ask(max_tokens=0))
    assert isinstance(settled, Settled) and settled.processed_tokens == 0


def test_an_adapter_is_found_by_its_file_name_and_others_are_suggested(adapter_server: LlamaServer) -> None:
    mind = remote(adapter_server.url)

    with pytest.raises(NotFound) as e:
        list(mind.generate(ask(adapters=(AdapterUse("kindd"),))))

    assert "'kind'" in e.value.remedy


def test_a_server_killed_in_the_middle_of_a_reply(model: Path) -> None:
    with LlamaServer(settings(model)) as server:
        mind = remote(server.url)
        events = mind.generate(ask(max_tokens=1300))
        next(events)
        psutil.Process(server.pid).kill()

        with pytest.raises(WorkerDied):
            list(events)

    with pytest.raises(WorkerFailed) as e:
        list(mind.generate(ask()))

    assert "llama-server -m" in e.value.remedy


def test_the_server_ends_with_whoever_started_it(model: Path) -> None:
    """Given a parent that is killed outright, then no server is left behind."""
    script = (
        "import sys, time\n"
        "from sensorium.bench.llama_server import LlamaServer, ServerSettings\n"
        f"with LlamaServer(ServerSettings(model={str(model)!r}, slots=1, context_cells=512)) as server:\n"
        "    print(server.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert parent.stdout is not None and parent.stdin is not None
    child = psutil.Process(int(parent.stdout.readline()))

    parent.kill()
    parent.communicate()

    child.wait(timeout=5)


def test_a_file_that_is_no_model_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "no.gguf"
    path.write_bytes(b"GGUF of nothing")

    with pytest.raises(WorkerFailed) as e, LlamaServer(settings(path)):
        pass

    assert "no.gguf" in e.value.message
