"""Given a LoRA file, when it is broken or does not fit the model, then one line names it and helps."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tests.unit.inference.conftest import Models

from sensorium.bench import random_gguf
from sensorium.bundles import gguf_adapter, gguf_file
from sensorium.bundles.gguf_adapter import INVOCATION_TOKENS, MAX_ADAPTER_BYTES, read_adapter, read_head
from sensorium.errors import AdapterError

NAME = "blk.0.attn_output.weight"
KINDS = gguf.GGUFValueType


def refusal(path: Path, models: Models, **more: str) -> str:
    with pytest.raises(AdapterError) as caught:
        read_adapter(path, gguf_file.read_model(models.dense), **more)
    line = caught.value.one_line()
    assert str(path) in line and "\n" not in line and caught.value.remedy
    return line


def write(
    path: Path,
    change: Callable[[Any], None] = lambda writer: None,
    *,
    a: tuple[int, int] = (4, 64),
    b: tuple[int, int] = (64, 4),
    name: str = NAME,
    alpha: float = 4.0,
) -> Path:
    """A LoRA of one pair for `dense`; shapes as numpy has them. `change` adds metadata."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    change(writer)
    for side, shape in (("lora_a", a), ("lora_b", b)):
        writer.add_tensor(f"{name}.{side}", np.full(shape, 0.01, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_one_that_fits_is_read(models: Models) -> None:
    model = gguf_file.read_model(models.dense)
    found = read_adapter(models.lora_a, model, model_sha256="0" * 64)
    assert len(found.file.tensors) == 8 and found.rank == 4 and found.invocation_tokens == ()
    assert found.num_bytes == sum(t.num_bytes for t in found.file.tensors.values()) > 0
    voice = read_adapter(models.voice_a, model)
    assert voice.invocation_tokens == (random_gguf.special_tokens().index("<|self|>"),)
    gguf_adapter.check_numbers(found.file)


@pytest.mark.parametrize("adapter", ["lora_other", "dense", "hybrid"])
def test_one_of_another_model_is_refused(models: Models, adapter: str) -> None:
    refusal(getattr(models, adapter), models)
    with pytest.raises(AdapterError, match="made for llama"):
        read_adapter(models.lora_a, gguf_file.read_model(models.hybrid))


@pytest.mark.parametrize("keep", [0, 3, 200, 1500, -1])
def test_one_that_was_cut_short_is_refused(models: Models, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(models.lora_a.read_bytes()[:keep])
    assert "GGUF" in refusal(path, models)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5_000, "/dev/zero", "/"])
def test_what_is_no_path_of_a_file_is_refused(models: Models, path: str) -> None:
    with pytest.raises(AdapterError) as caught:
        read_adapter(Path(path), gguf_file.read_model(models.dense))
    assert "\n" not in caught.value.one_line() and caught.value.remedy


def test_one_that_is_absent_or_far_too_large_is_refused_unread(models: Models, tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "absent.gguf", models)
    os.mkfifo(tmp_path / "pipe.gguf")
    for path in (tmp_path, tmp_path / "pipe.gguf"):
        assert "not a file" in refusal(path, models)
    huge = tmp_path / "huge.gguf"
    with huge.open("wb") as file:
        file.truncate(MAX_ADAPTER_BYTES + 1)  # a hole, no bytes on the disk
    assert "not a model" in refusal(huge, models)


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"a": (4, 32)}, "another model"),
        ({"b": (32, 4)}, "another model"),
        ({"b": (64, 5)}, "another model"),
        ({"a": (65, 64), "b": (64, 65)}, "rank 65, at most 64"),
        ({"name": "blk.7.attn_output.weight"}, "blk.7.attn_output.weight is not in"),
        ({"name": "output_norm.weight"}, "not a pair of matrices"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": 1e9}, "alpha"),
        ({"name": "token_embd.weight", "a": (300, 4), "b": (64, 5)}, "another model"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(
    models: Models, tmp_path: Path, shapes: dict[str, Any], says: str
) -> None:
    assert says in refusal(write(tmp_path / "x.gguf", **shapes), models)


def test_half_a_pair_and_strange_names_are_refused(models: Models, tmp_path: Path) -> None:
    data = write(tmp_path / "x.gguf").read_bytes()
    for old, new, says in ((b"lora_b", b"lora_c", "lora"), (b"lora_b", b"xora_b", "lora")):
        path = tmp_path / "y.gguf"
        path.write_bytes(data.replace(old, new))
        assert says in refusal(path, models)


def test_an_embedding_that_is_also_the_head_is_refused(models: Models) -> None:
    """llama.cpp aborts the whole process on such a pair."""
    model = gguf_file.read_model(models.dense)
    rows = model.tensors["token_embd.weight"].shape[1]
    tied = model._replace(tensors={n: t for n, t in model.tensors.items() if n != "output.weight"})
    path = write(models.dense.parent / "embd.gguf", name="token_embd.weight", a=(rows, 4), b=(64, 4))
    read_adapter(path, model)
    with pytest.raises(AdapterError, match="head"):
        read_adapter(path, tied)


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        ([3], KINDS.INT32, "uint32"),
        ([3], KINDS.UINT64, "uint32"),
        ([3.0], KINDS.FLOAT32, "uint32"),
        (list(range(17)), KINDS.UINT32, "17 invocation tokens"),
        (list(range(200)), KINDS.UINT32, "200 invocation tokens"),
        ([1, 600], KINDS.UINT32, "600 is outside the vocabulary"),
        ([2**32 - 1], KINDS.UINT32, "outside the vocabulary"),
    ],
)
def test_wrong_invocation_tokens_are_refused(
    models: Models, tmp_path: Path, value: list[float], kind: Any, says: str
) -> None:
    path = tmp_path / "x.gguf"
    write(path, lambda w: w.add_key_value(INVOCATION_TOKENS, value, KINDS.ARRAY, sub_type=kind))
    assert says in refusal(path, models)


def test_invocation_tokens_that_are_no_array_are_refused(models: Models, tmp_path: Path) -> None:
    write(tmp_path / "x.gguf", lambda w: w.add_uint32(INVOCATION_TOKENS, 3))
    assert "uint32" in refusal(tmp_path / "x.gguf", models)


def test_one_that_names_another_model_file_is_refused(models: Models, tmp_path: Path) -> None:
    path = write(tmp_path / "x.gguf", lambda w: w.add_string(gguf_adapter.BASE_SHA256, "a" * 64))
    model = gguf_file.read_model(models.dense)
    read_adapter(path, model)
    read_adapter(path, model, model_sha256="a" * 64)
    line = refusal(path, models, model_sha256="b" * 64)
    assert "aaaaaaaaaaaa" in line and "bbbbbbbbbbbb" in line


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", ["<e", "<f"])
def test_numbers_that_are_not_finite_are_found(tmp_path: Path, number: float, kind: str) -> None:
    path = write(tmp_path / "x.gguf")
    head = read_head(path)
    at = head.tensors[f"{NAME}.lora_b"]
    data = bytearray(path.read_bytes())
    struct.pack_into(kind, data, head.data_start + at.offset + 40, number)
    path.write_bytes(data)
    if kind == "<f":  # the same bits read as float32
        head = head._replace(tensors={n: t._replace(kind=0) for n, t in head.tensors.items()})
    with pytest.raises(AdapterError, match="not finite"):
        gguf_adapter.check_numbers(head)
