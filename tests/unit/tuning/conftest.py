"""A bundle whose mind speaks: nano's own words, ear and codec, and a small mind with random weights."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium.bundles import catalogue
from sensorium.bundles.catalogue import Bundle
from sensorium.inference.llama import LlamaBackend, LlamaConfig

SPEECH = """
[speech]
open = "<|speak|>"
close = "<|done|>"
first_code = "<|code_0|>"
groups = 2
codes_per_group = 1000
"""


@pytest.fixture(scope="session")
def speaking_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    torch = pytest.importorskip("torch", reason="voices are made with torch")
    from training.mind import vocabulary
    from training.mind.mind_file import write_gguf
    from training.mind.model import Mind, Shape

    folder = tmp_path_factory.mktemp("speaking")
    nano = catalogue.SHIPPED / "nano"
    for name in ("ear.onnx", "codec.onnx", "encoder.npz"):
        shutil.copy(nano / name, folder / name)
    toml = (nano / "bundle.toml").read_text(encoding="utf-8")
    toml = re.sub(r'^sha256 = ".*"$', 'sha256 = ""', toml, flags=re.MULTILINE)
    toml = toml.replace('name = "nano"', 'name = "speaking"', 1)
    toml = re.sub(r"^\[voices\..*?(?=^\[|\Z)", "", toml, flags=re.MULTILINE | re.DOTALL)
    toml = re.sub(r"^audio_out = \w+", "audio_out = true", toml, flags=re.MULTILINE)
    (folder / "bundle.toml").write_text(toml if "[speech]" in toml else toml + SPEECH, encoding="utf-8")
    torch.manual_seed(3)
    mind = Mind(Shape(vocabulary.SIZE, width=64, num_layers=2, num_heads=4, head_width=16, hidden=96))
    with torch.no_grad():
        for layer in mind.layers:
            for matrix in (layer.qkv, layer.out, layer.gate_up, layer.down):
                matrix.weight.mul_(5.0)
        # Codes are likelier than words, so that it babbles.
        mind.embedding.weight[vocabulary.FIRST_CODE :] *= 4.0
    write_gguf(mind, folder / "mind.gguf")
    return catalogue.find(str(folder))


@pytest.fixture
def backend(speaking_bundle: Bundle) -> Iterator[LlamaBackend]:
    config = LlamaConfig(cells=512, sequences=2, decode_threads=1, batch_threads=1, kv_type="f32")
    made = LlamaBackend(Path(speaking_bundle.folder) / "mind.gguf", config)
    yield made
    made.close()
