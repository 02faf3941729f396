from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.inference.conftest import Models

from sensorium.bench import random_gguf
from sensorium.bundles import gguf_file
from sensorium.errors import BundleError


def test_a_model_is_read(models: Models) -> None:
    file = gguf_file.read_model(models.dense)
    assert file.text("general.architecture") == "llama"
    assert file.metadata["llama.embedding_length"] == 64
    assert file.tensors["blk.0.attn_q.weight"].shape == (64, 64)
    assert file.num_bytes == models.dense.stat().st_size
    assert file.vocab_size == len(random_gguf.special_tokens()) + 256 + 256


def test_two_models_have_two_fingerprints_and_each_always_the_same(models: Models) -> None:
    prints = [gguf_file.fingerprint(gguf_file.read(p)) for p in (models.dense, models.hybrid, models.dense)]
    assert prints[0] == prints[2] != prints[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: b"GGUF",
        lambda data: b"RIFF" + data[4:],
        lambda data: data[:4] + struct.pack("<I", 99) + data[8:],
        lambda data: data[:8] + struct.pack("<Q", 1 << 60) + data[16:],
        lambda data: data[:16] + struct.pack("<Q", 1 << 60) + data[24:],
        lambda data: data[:24] + struct.pack("<Q", 1 << 62) + data[32:],
        lambda data: data[:300],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: bytes(1000),
    ],
)
def test_what_is_no_gguf_or_cut_short_is_refused(
    models: Models, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(change(models.dense.read_bytes()))
    with pytest.raises(BundleError) as caught:
        gguf_file.read_model(path)
    assert "\n" not in caught.value.one_line()


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(BundleError):
            gguf_file.read(path)


def test_damage_anywhere_in_the_head_is_refused_or_harmless(models: Models, tmp_path: Path) -> None:
    data = bytearray(models.lora_a.read_bytes())
    path = tmp_path / "damaged.gguf"
    chance, num_refused = random.Random(1), 0
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(1000)] = chance.randrange(256)
        path.write_bytes(broken)
        try:
            gguf_file.read(path)
        except BundleError:
            num_refused += 1
    assert num_refused > 30


def test_an_adapter_is_no_model(models: Models) -> None:
    with pytest.raises(BundleError, match="adapter"):
        gguf_file.read_model(models.lora_a)
