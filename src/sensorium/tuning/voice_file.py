"""Writes what was learnt as a voice: a GGUF LoRA that acts from an invocation on and carries its card."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import gguf
import numpy as np

from sensorium.bundles.gguf_adapter import INVOCATION_TOKENS
from sensorium.errors import AdapterError, BadInput
from sensorium.tuning.decoder import Lora
from sensorium.voices.card import Card


def write(path: Path, lora: Lora, card: Card, invocation: Sequence[int]) -> None:
    """The file appears whole or not at all; matrices as float16.

    Raises BadInput when the card is not complete or the disk refuses, AdapterError when what was learnt is no
    number any more.
    """
    words = card.metadata()
    tensors = {}
    for name, down in lora.down.items():
        for side, matrix in (("lora_a", down), ("lora_b", lora.up[name])):
            values = matrix.detach().numpy().astype(np.float16)
            if not np.isfinite(values).all():
                raise AdapterError(
                    f"{name} grew beyond all numbers while it was learnt",
                    remedy="train again, with other recordings",
                )
            tensors[f"{name}.weight.{side}"] = values
    rank = len(next(iter(lora.down.values())))
    part = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        _write(Path(part), tensors, words, lora.scale * rank, invocation)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError as e:
        if part:
            with suppress(OSError):
                os.unlink(part)
        raise BadInput(f"{path} cannot be written: {e.strerror}", remedy="free some space") from e


def _write(
    path: Path,
    tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float16]]],
    words: dict[str, str],
    alpha: float,
    invocation: Sequence[int],
) -> None:
    kinds = gguf.GGUFValueType
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for key, text in words.items():
        writer.add_string(key, text)
    # Python's writer would choose int32, which llama.cpp does not read.
    writer.add_key_value(INVOCATION_TOKENS, list(invocation), kinds.ARRAY, sub_type=kinds.UINT32)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
