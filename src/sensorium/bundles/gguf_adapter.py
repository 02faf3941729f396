"""Checks a GGUF LoRA against the model that it is meant for, before any native code sees it.

Knows how llama.cpp names LoRA matrices and what an activated adapter (aLoRA) says about itself; nothing of
voices. Source: src/llama-adapter.cpp of llama.cpp; convert_lora_to_gguf.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from sensorium.bundles.gguf_file import UINT32, Array, GgufFile, Tensor, read
from sensorium.errors import AdapterError, BundleError

MAX_ADAPTER_BYTES = 2 << 30
MAX_RANK = 1024
MAX_INVOCATION_TOKENS = 16

INVOCATION_TOKENS = "adapter.alora.invocation_tokens"
# Ours: the sha256 of the model file that the adapter was trained on, as hex.
BASE_SHA256 = "sensorium.base_sha256"

_MAKE_AGAIN = "make or download it again"
_OTHER_MODEL = "use an adapter made for this model, or the model that it was made for"
# ggml type -> numpy type in which "not finite" shows as all bits of the exponent set, and that mask.
_EXPONENTS = {0: ("<u4", 0x7F800000), 1: ("<u2", 0x7C00), 30: ("<u2", 0x7F80)}
_CHUNK_BYTES = 8 << 20


class Adapter(NamedTuple):
    """A LoRA that fits. `num_bytes` of its matrices in memory, `rank` the largest of its ranks; it acts from
    `invocation_tokens` on, or always when there are none."""

    file: GgufFile
    num_bytes: int
    rank: int
    invocation_tokens: tuple[int, ...]


def read_adapter(path: Path, model: GgufFile, *, model_sha256: str = "") -> Adapter:
    """A LoRA whose every matrix fits `model`. Raises AdapterError with the first thing that does not."""
    file = read_head(path)
    wanted, found = model.text("general.architecture"), file.text("general.architecture")
    if wanted != found:
        raise AdapterError(
            f"{path} was made for {found or 'an unknown architecture'}, the model is {wanted}",
            remedy=_OTHER_MODEL,
        )
    base = file.text(BASE_SHA256)
    if base and model_sha256 and base != model_sha256:
        raise AdapterError(
            f"{path} was made for another model: for sha256 {base[:12]}, {model.path.name} is "
            f"{model_sha256[:12]}",
            remedy=_OTHER_MODEL,
        )
    ranks = [_rank_of_pair(file, name, model) for name in file.tensors]
    tokens = invocation_tokens(file)
    if tokens and max(tokens) >= model.vocab_size:
        raise AdapterError(
            f"{path}: invocation token {max(tokens)} is outside the vocabulary of {model.vocab_size}",
            remedy=_OTHER_MODEL,
        )
    return Adapter(file, sum(t.num_bytes for t in file.tensors.values()), max(ranks), tokens)


def read_head(path: Path) -> GgufFile:
    """What can be known of a LoRA without its model. Raises AdapterError."""
    try:
        num_bytes = path.stat().st_size
        if not path.is_file():  # a pipe would be waited for
            raise AdapterError(f"{path} is not a file", remedy="give a GGUF LoRA")
        if num_bytes > MAX_ADAPTER_BYTES:
            raise AdapterError(
                f"{path} has {num_bytes} bytes, an adapter at most {MAX_ADAPTER_BYTES}",
                remedy="give a GGUF LoRA, not a model",
            )
        file = read(path)
    except OSError as e:
        raise AdapterError(f"{path}: {e.strerror or e}", remedy="check the path") from e
    except ValueError as e:  # a zero byte
        raise AdapterError(f"{str(path)!r} is no path: {e}", remedy="check the path") from e
    except BundleError as e:
        raise AdapterError(e.message, remedy=e.remedy) from e
    if file.text("general.type") != "adapter" or file.text("adapter.type") != "lora":
        raise AdapterError(
            f"{path} is not a LoRA adapter", remedy="give a GGUF LoRA, as convert_lora_to_gguf.py makes it"
        )
    alpha = file.metadata.get("adapter.lora.alpha")
    if not isinstance(alpha, float) or not 0.0 <= abs(alpha) < 1e6:
        raise AdapterError(f"{path}: adapter.lora.alpha is {alpha}", remedy=_MAKE_AGAIN)
    if not file.tensors:
        raise AdapterError(f"{path} has no tensors", remedy=_MAKE_AGAIN)
    invocation_tokens(file)
    return file


def invocation_tokens(file: GgufFile) -> tuple[int, ...]:
    """The token ids from which on the adapter acts; () for one that always acts. Raises AdapterError.

    llama.cpp refuses any element type but uint32, and Python's writers choose int32 unless told.
    """
    found = file.metadata.get(INVOCATION_TOKENS)
    if found is None:
        return ()
    if not isinstance(found, Array) or found.kind != UINT32:
        raise AdapterError(
            f"{file.path}: {INVOCATION_TOKENS} is not an array of uint32",
            remedy="write it with element type uint32; llama.cpp takes no other",
        )
    if not 1 <= found.length <= MAX_INVOCATION_TOKENS:
        raise AdapterError(
            f"{file.path}: {found.length} invocation tokens, allowed are 1 to {MAX_INVOCATION_TOKENS}",
            remedy=_MAKE_AGAIN,
        )
    return tuple(int(token) for token in found.items)


def check_numbers(file: GgufFile) -> None:
    """Reads all matrices (float16, bfloat16, float32). Raises AdapterError when a number is not finite: the
    model would compute no usable probabilities, and nobody would know why."""
    with file.path.open("rb") as data:
        for tensor in file.tensors.values():
            if tensor.kind not in _EXPONENTS:
                continue
            bits, mask = _EXPONENTS[tensor.kind]
            data.seek(file.data_start + tensor.offset)
            for start in range(0, tensor.num_bytes, _CHUNK_BYTES):
                chunk = data.read(min(_CHUNK_BYTES, tensor.num_bytes - start))
                if (np.frombuffer(chunk, bits) & mask == mask).any():
                    raise AdapterError(
                        f"{file.path}: {tensor.name} holds numbers that are not finite", remedy=_MAKE_AGAIN
                    )


def _rank_of_pair(file: GgufFile, name: str, model: GgufFile) -> int:
    base, _, side = name.rpartition(".")
    if side not in ("lora_a", "lora_b"):
        raise AdapterError(f"{file.path}: {name} is not a LoRA matrix", remedy=_MAKE_AGAIN)
    a, b = (file.tensors.get(f"{base}.{s}") for s in ("lora_a", "lora_b"))
    if a is None or b is None:
        raise AdapterError(f"{file.path}: {base} has only {side}", remedy=_MAKE_AGAIN)
    target = model.tensors.get(base)
    if target is None:
        raise AdapterError(
            f"{file.path} was made for another model: {base} is not in {model.path.name}",
            remedy=_OTHER_MODEL,
        )
    if len(a.shape) != 2 or len(b.shape) != 2 or len(target.shape) != 2:
        raise AdapterError(f"{file.path}: {base} is not a pair of matrices", remedy=_MAKE_AGAIN)
    if not a.num_bytes or not b.num_bytes:
        raise AdapterError(f"{file.path}: {base} has an unknown number type", remedy=_MAKE_AGAIN)
    return _checked_rank(file, base, a, b, target, model)


def _checked_rank(file: GgufFile, base: str, a: Tensor, b: Tensor, target: Tensor, model: GgufFile) -> int:
    inputs, outputs = target.shape
    # llama.cpp looks token embeddings up by row, so there A and B are flipped.
    if base == "token_embd.weight":
        fits = (b.shape[1], a.shape[1]) == (inputs, outputs) and a.shape[0] == b.shape[0]
        if "output.weight" not in model.tensors:
            # The same tensor is the head there, which llama.cpp multiplies unflipped, and aborts.
            raise AdapterError(
                f"{file.path} changes the embeddings, which {model.path.name} also uses as its head",
                remedy="make it without token_embd",
            )
    else:
        fits = (a.shape[0], b.shape[1]) == (inputs, outputs) and a.shape[1] == b.shape[0]
    if not fits:
        raise AdapterError(
            f"{file.path} was made for another model: {base} is {inputs} x {outputs} in {model.path.name}, "
            f"the adapter has {a.shape[0]} x {a.shape[1]} and {b.shape[0]} x {b.shape[1]}",
            remedy=_OTHER_MODEL,
        )
    rank = b.shape[0]
    if rank > min(MAX_RANK, inputs, outputs):
        raise AdapterError(
            f"{file.path}: {base} has rank {rank}, at most {min(MAX_RANK, inputs, outputs)} makes sense",
            remedy=_MAKE_AGAIN,
        )
    return rank
