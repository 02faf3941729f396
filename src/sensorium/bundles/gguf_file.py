"""Reads and checks the head of a GGUF file before any native code sees it.

Knows the container, nothing of architectures and adapters. Refuses what is not GGUF, what is cut short and
what claims absurd sizes. Format: ggml-org/ggml docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sensorium.errors import BundleError

MAX_TENSORS = 1 << 16
MAX_METADATA = 1 << 14
MAX_NAME_BYTES = 1 << 16
MAX_STRING_BYTES = 1 << 26
MAX_ARRAY_ITEMS = 1 << 24
MAX_KEPT_ITEMS = 64
UINT32 = 4

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


class Array(NamedTuple):
    """An array of the metadata. `kind` is the GGUF type of its items (`UINT32`, ...); `items` only when they
    are numbers and at most `MAX_KEPT_ITEMS`, else empty."""

    kind: int
    length: int
    items: tuple[int | float | bool, ...] = ()


Value = str | int | float | bool | Array


class GgufFile(NamedTuple):
    """`data_start` is where tensor offsets count from, in bytes."""

    path: Path
    num_bytes: int
    metadata: dict[str, Value]
    tensors: dict[str, Tensor]
    data_start: int

    def text(self, key: str) -> str:
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""

    @property
    def vocab_size(self) -> int:
        """Tokens of a model's vocabulary; 0 when there is none."""
        tokens = self.metadata.get("tokenizer.ggml.tokens")
        return tokens.length if isinstance(tokens, Array) else 0


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
    except ValueError as e:  # a zero byte
        raise BundleError(f"{str(path)!r} is no path: {e}") from e


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
    if not file.vocab_size:
        raise BundleError(f"{path} has no vocabulary")
    if not file.tensors:
        raise BundleError(f"{path} has no tensors")
    return file


def fingerprint(file: GgufFile) -> str:
    """Sixteen hex digits from size, head and samples of the weights; reads about a megabyte."""
    digest = hashlib.sha256(str(file.num_bytes).encode())
    with file.path.open("rb") as data:
        for i in range(17):
            data.seek(file.num_bytes * i // 17)
            digest.update(data.read(65536))
    return digest.hexdigest()[:16]


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

    def value(self) -> Value:
        kind = int(self.number("<I"))
        if kind == _STRING:
            return self.take(self.count(MAX_STRING_BYTES, "a string's length")).decode("utf-8", "replace")
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise _Broken(f"a value has type {kind}")
        return self.number(_SCALARS[kind])

    def _array(self) -> Array:
        kind = int(self.number("<I"))
        items = self.count(MAX_ARRAY_ITEMS, "an array's length")
        if kind == _STRING:
            for _ in range(items):
                self.skip(self.count(MAX_STRING_BYTES, "a string's length"))
        elif kind not in _SCALARS:
            raise _Broken(f"an array has items of type {kind}")
        elif items <= MAX_KEPT_ITEMS:
            return Array(kind, items, tuple(self.number(_SCALARS[kind]) for _ in range(items)))
        else:
            self.skip(items * struct.calcsize(_SCALARS[kind]))
        return Array(kind, items)

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
    data_start = _check_data(tensors, metadata, num_bytes - reader.left, num_bytes)
    return GgufFile(path, num_bytes, metadata, {t.name: t for t in tensors}, data_start)


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


def _check_data(tensors: list[Tensor], metadata: dict[str, Value], head_bytes: int, num_bytes: int) -> int:
    """Every tensor lies inside the file; returns where the data starts."""
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 8 <= alignment <= 65536 or alignment & (alignment - 1):
        raise _Broken(f"its alignment is {alignment}")
    start = -(-head_bytes // alignment) * alignment
    for tensor in tensors:
        if tensor.offset % alignment or start + tensor.offset + tensor.num_bytes > num_bytes:
            raise _Broken(f"it is cut short: {tensor.name} lies behind its end")
    return start
