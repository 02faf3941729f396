"""The mind that ships: its file, its tokens, and its logits against those of the torch model that it was."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.mind import vocabulary
from training.mind.view import BUNDLE

llama_cpp = pytest.importorskip("llama_cpp", reason="the engine is needed to ask the shipped mind")
GOLDEN = json.loads((Path(__file__).parent / "golden_mind.json").read_text())


@pytest.fixture(scope="module")
def llama() -> Any:
    path = BUNDLE / "mind.gguf"
    return llama_cpp.Llama(str(path), n_ctx=1024, n_threads=1, logits_all=True, verbose=False)


def tokens(llama: Any, text: str, *, special: bool = False) -> list[int]:
    found: list[int] = llama.tokenize(text.encode(), add_bos=False, special=special)
    return found


def test_bundle_toml_knows_the_file() -> None:
    table = tomllib.loads((BUNDLE / "bundle.toml").read_text())["files"]["mind"]
    assert hashlib.sha256((BUNDLE / table["path"]).read_bytes()).hexdigest() == table["sha256"]


def test_every_word_of_the_world_is_one_token(llama: Any) -> None:
    known = [(word, token) for word, token in vocabulary.WORD_ID.items() if token < llama.n_vocab()]
    assert len(known) >= 980
    for word, token in known:
        assert tokens(llama, f" {word}") == [token], word


@pytest.mark.parametrize("text", ["what do you like", "your name is maya .", "hello zork", "i live in łódź"])
def test_llama_cpp_tokenizes_as_training_did(llama: Any, text: str) -> None:
    assert tokens(llama, f" {text}") == vocabulary.encode(text)


def test_special_tokens_are_where_training_put_them(llama: Any) -> None:
    for text, token in vocabulary.SPECIAL_ID.items():
        assert tokens(llama, text, special=True) == [token]
        assert token not in tokens(llama, text, special=False)


@pytest.mark.parametrize("case", GOLDEN, ids=range(len(GOLDEN)))
def test_logits_are_those_of_the_torch_model(llama: Any, case: dict[str, Any]) -> None:
    llama.reset()
    llama.eval(case["ids"])
    logits = llama.scores[len(case["ids"]) - 1].astype(np.float64)
    logprobs = logits - math.log(np.exp(logits - logits.max()).sum()) - logits.max()
    assert int(logits.argmax()) == case["best"][0]
    likely = [(t, p) for t, p in zip(case["best"], case["logprobs"], strict=True) if p > -8.0]
    assert all(abs(logprobs[t] - p) < 0.08 for t, p in likely)
