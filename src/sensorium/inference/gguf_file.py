"""Reads and checks the head of a GGUF file before any native code sees it.

Knows the container and LoRA naming, nothing of architectures. Refuses what is not GGUF, what is cut short and
what claims absurd sizes. Format: ggml-org/ggml docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sensorium.errors import AdapterError, BundleError

MAX_TENSORS = 1 << 16
MAX_METADATA = 1 << 14
MAX_NAME_BYTES = 1 << 16
MAX_STRING_BYTES = 1 << 26
MAX_ARRAY_ITEMS = 1 << 24

_MAGIC = b"GGUF"
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}

# ggml type -> (elements per block, bytes per block)
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


class Tensor(NamedTuple):
    """`shape` in ggml's order, fastest first. `num_bytes` is 0 for a type unknown here."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int
    num_bytes: int


class GgufFile(NamedTuple):
    """`metadata` holds scalars and strings; an array is kept as its number of items."""

    path: Path
    num_bytes: int
    metadata: dict[str, str | int | float | bool]
    tensors: dict[str, Tensor]

    def text(self, key: str) -> str:
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""


def read(path: Path) -> GgufFile:
    """The checked head of the file. Raises BundleError with the reason."""
    try:
        num_bytes = path.stat().st_size
        with path.open("rb") as file:
            return _read(path, file, num_bytes)
    except OSError as e:
        raise BundleError(f"{path}: {e.strerror or e}") from e
    except (_Broken, UnicodeDecodeError) as e:
        raise BundleError(f"{path} is not a usable GGUF: {e}", remedy="download or build it again") from e


def read_model(path: Path) -> GgufFile:
    """`read`, and the facts without which no model can be loaded. Raises BundleError."""
    file = read(path)
    architecture = file.text("general.architecture")
    if not architecture:
        raise BundleError(f"{path} names no architecture")
    if file.text("general.type") == "adapter":
        raise BundleError(f"{path} is an adapter, not a model")
    for key in ("block_count", "embedding_length", "context_length"):
        value = file.metadata.get(f"{architecture}.{key}")
        if not isinstance(value, int) or not 0 < value < 1 << 24:
            raise BundleError(f"{path}: {architecture}.{key} is {value}")
    if not file.metadata.get("tokenizer.ggml.tokens"):
        raise BundleError(f"{path} has no vocabulary")
    if not file.tensors:
        raise BundleError(f"{path} has no tensors")
    return file


def read_adapter(path: Path, model: GgufFile) -> GgufFile:
    """A LoRA whose every matrix fits `model`. Raises AdapterError with the first thing that does not."""
    try:
        file = read(path)
    except BundleError as e:
        raise AdapterError(e.message, remedy=e.remedy) from e
    if file.text("general.type") != "adapter" or file.text("adapter.type") != "lora":
        raise AdapterError(f"{path} is not a LoRA adapter")
    wanted, found = model.text("general.architecture"), file.text("general.architecture")
    if wanted != found:
        raise AdapterError(f"{path} was made for {found or 'an unknown architecture'}, the model is {wanted}")
    alpha = file.metadata.get("adapter.lora.alpha")
    if not isinstance(alpha, float) or not 0.0 <= abs(alpha) < 1e6:
        raise AdapterError(f"{path}: adapter.lora.alpha is {alpha}")
    if not file.tensors:
        raise AdapterError(f"{path} has no tensors")
    for name in file.tensors:
        _check_pair(file, name, model)
    return file


def fingerprint(file: GgufFile) -> str:
    """Sixteen hex digits from size, head and samples of the weights; reads about a megabyte."""
    digest = hashlib.sha256(str(file.num_bytes).encode())
    with file.path.open("rb") as data:
        for i in range(17):
            data.seek(file.num_bytes * i // 17)
            digest.update(data.read(65536))
    return digest.hexdigest()[:16]


def _check_pair(file: GgufFile, name: str, model: GgufFile) -> None:
    base, _, side = name.rpartition(".")
    if side not in ("lora_a", "lora_b"):
        raise AdapterError(f"{file.path}: {name} is not a LoRA matrix")
    pair = [file.tensors.get(f"{base}.{s}") for s in ("lora_a", "lora_b")]
    a, b = pair
    if a is None or b is None:
        raise AdapterError(f"{file.path}: {base} has only {side}")
    target = model.tensors.get(base)
    if target is None:
        raise AdapterError(f"{file.path} was made for another model: {base} is not in {model.path.name}")
    if len(a.shape) != 2 or len(b.shape) != 2 or len(target.shape) != 2:
        raise AdapterError(f"{file.path}: {base} is not a pair of matrices")
    inputs, outputs = target.shape
    # llama.cpp looks token embeddings up by row, so there A and B are flipped.
    fits = (
        (b.shape[1], a.shape[1]) == (inputs, outputs)
        if base == "token_embd.weight"
        else (a.shape[0], b.shape[1]) == (inputs, outputs) and a.shape[1] == b.shape[0]
    )
    if not fits:
        raise AdapterError(
            f"{file.path} was made for another model: {base} is {inputs} x {outputs} in {model.path.name}, "
            f"the adapter has {a.shape[0]} x {a.shape[1]} and {b.shape[0]} x {b.shape[1]}"
        )


class _Broken(Exception):
    """Internal: the bytes are not what the format says."""


class _Reader:
    """Takes exact amounts from a file and refuses to run past its end."""

    def __init__(self, file: BinaryIO, num_bytes: int) -> None:
        self._file = file
        self._left = num_bytes

    def take(self, count: int) -> bytes:
        if count > self._left:
            raise _Broken("it is cut short")
        self._left -= count
        return self._file.read(count)

    def skip(self, count: int) -> None:
        if count > self._left:
            raise _Broken("it is cut short")
        self._left -= count
        self._file.seek(count, os.SEEK_CUR)

    def number(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack(code, self.take(struct.calcsize(code)))[0]
        return value

    def count(self, limit: int, what: str) -> int:
        value = int(self.number("<Q"))
        if value > limit:
            raise _Broken(f"{what} is {value}")
        return value

    def string(self, limit: int) -> str:
        return self.take(self.count(limit, "a string's length")).decode("utf-8")

    def value(self) -> str | int | float | bool:
        kind = int(self.number("<I"))
        if kind == _STRING:
            return self.take(self.count(MAX_STRING_BYTES, "a string's length")).decode("utf-8", "replace")
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise _Broken(f"a value has type {kind}")
        return self.number(_SCALARS[kind])

    def _array(self) -> int:
        kind = int(self.number("<I"))
        items = self.count(MAX_ARRAY_ITEMS, "an array's length")
        if kind == _STRING:
            for _ in range(items):
                self.skip(self.count(MAX_STRING_BYTES, "a string's length"))
        elif kind in _SCALARS:
            self.skip(items * struct.calcsize(_SCALARS[kind]))
        else:
            raise _Broken(f"an array has items of type {kind}")
        return items

    @property
    def left(self) -> int:
        return self._left


def _read(path: Path, file: BinaryIO, num_bytes: int) -> GgufFile:
    reader = _Reader(file, num_bytes)
    if num_bytes < 24 or reader.take(4) != _MAGIC:
        raise _Broken("it does not start with GGUF")
    version = int(reader.number("<I"))
    if version not in (2, 3):
        raise _Broken(f"its version is {version}")
    num_tensors = reader.count(MAX_TENSORS, "the number of tensors")
    num_metadata = reader.count(MAX_METADATA, "the number of metadata entries")
    metadata = {reader.string(MAX_NAME_BYTES): reader.value() for _ in range(num_metadata)}
    tensors = [_read_tensor(reader) for _ in range(num_tensors)]
    if len({t.name for t in tensors}) != num_tensors:
        raise _Broken("two tensors have one name")
    _check_data(tensors, metadata, num_bytes - reader.left, num_bytes)
    return GgufFile(path, num_bytes, metadata, {t.name: t for t in tensors})


def _read_tensor(reader: _Reader) -> Tensor:
    name = reader.string(MAX_NAME_BYTES)
    num_dimensions = int(reader.number("<I"))
    if not 1 <= num_dimensions <= 4:
        raise _Broken(f"{name} has {num_dimensions} dimensions")
    shape = tuple(reader.count(1 << 40, f"a side of {name}") for _ in range(num_dimensions))
    kind, offset = int(reader.number("<I")), int(reader.number("<Q"))
    elements = 1
    for side in shape:
        elements *= side
    per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
    if not elements or shape[0] % per_block:
        raise _Broken(f"{name} has shape {shape}")
    return Tensor(name, shape, kind, offset, elements // per_block * block_bytes)


def _check_data(
    tensors: list[Tensor], metadata: dict[str, str | int | float | bool], head_bytes: int, num_bytes: int
) -> None:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 8 <= alignment <= 65536 or alignment & (alignment - 1):
        raise _Broken(f"its alignment is {alignment}")
    start = -(-head_bytes // alignment) * alignment
    for tensor in tensors:
        if tensor.offset % alignment or start + tensor.offset + tensor.num_bytes > num_bytes:
            raise _Broken(f"it is cut short: {tensor.name} lies behind its end")
