from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import llama_cpp.llama_cpp as lib
import pytest
from tests.unit.inference.conftest import CONFIG, Models

from sensorium.bench import random_gguf
from sensorium.errors import AdapterError, BadInput, BundleError
from sensorium.inference.backend import Span
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.request import Sampling


@pytest.mark.parametrize("keep", [0, 100, 5000, 100_000])
def test_a_truncated_model_is_refused(models: Models, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(models.dense.read_bytes()[:keep])
    with pytest.raises(BundleError):
        LlamaBackend(path, CONFIG)


def test_a_model_that_llama_cpp_refuses_says_why(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    data = models.dense.read_bytes()
    path.write_bytes(data.replace(b"blk.0.attn_q.weight", b"blk.0.attn_x.weight"))
    with pytest.raises(BundleError, match=r"attn_q|tensor"):
        LlamaBackend(path, CONFIG)


def test_an_adapter_of_another_model_is_refused_and_the_next_one_works(models: Models) -> None:
    backend = LlamaBackend(models.dense, CONFIG)
    for path in (models.lora_other, models.hybrid):
        with pytest.raises(AdapterError):
            backend.load_adapter("x", path)
    assert backend.load_adapter("x", models.lora_a) == backend.memory_bytes()["adapters"] > 0
    assert backend.load_adapter("x", models.lora_b) == backend.memory_bytes()["adapters"]
    backend.close()
    backend.close()


def test_llama_cpp_finds_the_invocation_tokens_that_we_find(models: Models) -> None:
    backend = LlamaBackend(models.dense, CONFIG)
    for path in (models.voice_a, models.lora_a):
        backend.load_adapter("x", path)
        handle, _ = backend._adapters["x"]
        count = lib.llama_adapter_get_alora_n_invocation_tokens(handle)
        found = lib.llama_adapter_get_alora_invocation_tokens(handle)
        assert tuple(found[i] for i in range(count)) == backend.check_adapter(path).invocation_tokens
    backend.close()


@pytest.mark.parametrize(
    "config",
    [
        CONFIG._replace(cells=0),
        CONFIG._replace(sequences=1),
        CONFIG._replace(sequences=10_000),
        CONFIG._replace(batch_tokens=0),
        CONFIG._replace(kv_type="q3"),
    ],
)
def test_a_configuration_out_of_range_is_refused(models: Models, config: LlamaConfig) -> None:
    with pytest.raises(BadInput):
        LlamaBackend(models.dense, config)


def test_memory_is_told_by_kind(models: Models) -> None:
    backend = LlamaBackend(models.dense, CONFIG)
    memory = backend.memory_bytes()
    # Two layers, keys and values, two heads of 16, float16.
    assert memory["kv"] == CONFIG.cells * 2 * 2 * 32 * 2
    assert memory["weights"] > 100_000 and memory["compute"] > 0
    backend.close()


def test_without_flash_attention_a_prompt_may_be_cut_anywhere(models: Models) -> None:
    # float32, as a key that is rounded otherwise to float16 is a difference, too
    backend = LlamaBackend(models.dense, CONFIG._replace(flash_attention=False, kv_type="f32"))
    tokens = backend.tokenize(" " + " ".join(random_gguf.words(120)))
    drawn = []
    for chunk in (120, 64, 63, 7):
        for i in range(0, 120, chunk):
            backend.decode([Span(0, i, tokens[i : i + chunk], i + chunk >= 120)], ())
        drawn.append(backend.logits(0))
        backend.drop(0)
    assert max(abs(logits - drawn[0]).max() for logits in drawn) < 1e-3
    backend.close()


def test_a_grammar_that_the_vocabulary_cannot_follow_is_an_error_and_no_crash(models: Models) -> None:
    backend = LlamaBackend(models.dense, CONFIG)
    backend.decode([Span(0, 0, (100, 101), True)], ())
    sampler = backend.sampler(Sampling(grammar='root ::= "a" [b-a]'))
    assert backend.piece(backend.sample(0, sampler))[0] == b"a"
    with pytest.raises(BadInput):
        backend.sample(0, sampler)
    sampler.close()
    backend.close()


def test_nothing_is_written_to_the_terminal(models: Models) -> None:
    code = (
        "from pathlib import Path; from sensorium.inference.llama import *; "
        f"b = LlamaBackend(Path({str(models.dense)!r}), LlamaConfig(cells=512, sequences=4)); b.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
