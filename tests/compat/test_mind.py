"""Our own scheduler on llama.cpp obeys the contract that the remote server obeys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.compat.mind_contract import MindContract

from sensorium.bench import random_gguf
from sensorium.clock import SystemClock
from sensorium.inference.adapters import Adapters
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.mind import LocalMind, Mind
from sensorium.inference.scheduler import Limits, Scheduler


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaBackend]:
    path = tmp_path_factory.mktemp("model") / "mind.gguf"
    random_gguf.write_dense(path)
    backend = LlamaBackend(path, LlamaConfig(cells=4096, sequences=16, decode_threads=1, batch_threads=1))
    yield backend
    backend.close()


class TestLocal(MindContract):
    @pytest.fixture
    def mind(self, backend: LlamaBackend) -> Iterator[Mind]:
        limits = Limits(context_tokens=1536)
        scheduler = Scheduler(backend, Adapters(backend, 1 << 30), SystemClock(), limits)
        yield LocalMind(scheduler)
        scheduler.prefix_cache.clear()
