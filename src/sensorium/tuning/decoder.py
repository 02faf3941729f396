"""A llama-style mind in plain torch, read from its GGUF, and low-rank matrices (LoRA) beside its own.

The mind's own weights never change. LoRA acts only where it is told to, so that the keys and values of what
stands before are the mind's own, bit for bit. Knows nothing of data and of learning.
Source: src/models/llama.cpp of llama.cpp, whose rotary pairs are neighbours (2i, 2i + 1).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sensorium.bundles import gguf_file
from sensorium.bundles.gguf_file import GgufFile
from sensorium.errors import BadInput, BundleError

# Matrices that read the same input are one product; llama.cpp's names, in this order.
_QKV = ("attn_q", "attn_k", "attn_v")
_GATE_UP = ("ffn_gate", "ffn_up")
TARGETS = (*_QKV, "attn_output", *_GATE_UP, "ffn_down")
_NORMS = ("attn_norm", "ffn_norm")
MAX_TOKENS = 4_096  # of one sequence, whatever the model can


class Shape(NamedTuple):
    num_tokens: int
    width: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    hidden: int
    context_tokens: int
    rope_base: float
    norm_eps: float

    def sides(self, target: str) -> tuple[int, int]:
        """(outputs, inputs) of one of `TARGETS`."""
        inner, kv = self.num_heads * self.head_width, self.num_kv_heads * self.head_width
        return {
            "attn_q": (inner, self.width),
            "attn_k": (kv, self.width),
            "attn_v": (kv, self.width),
            "attn_output": (self.width, inner),
            "ffn_gate": (self.hidden, self.width),
            "ffn_up": (self.hidden, self.width),
            "ffn_down": (self.width, self.hidden),
        }[target]


class Lora(NamedTuple):
    """`down` (rank, inputs) and `up` (outputs, rank) by the matrix they belong to, as in "blk.0.attn_q";
    float32. What they add is `scale` * up @ down."""

    down: dict[str, Tensor]
    up: dict[str, Tensor]
    scale: float

    def parameters(self) -> list[Tensor]:
        return [*self.down.values(), *self.up.values()]


def new_lora(shape: Shape, rank: int, alpha: float, seed: int) -> Lora:
    """One that adds nothing yet, ready to learn. Raises BadInput for a rank that a matrix cannot have."""
    most = min(side for target in TARGETS for side in shape.sides(target))
    if not 1 <= rank <= most:
        raise BadInput(f"a voice of rank {rank} for this model", remedy=f"choose 1 to {most}")
    generator = torch.Generator().manual_seed(seed)
    down: dict[str, Tensor] = {}
    up: dict[str, Tensor] = {}
    for layer in range(shape.num_layers):
        for target in TARGETS:
            outputs, inputs = shape.sides(target)
            name = f"blk.{layer}.{target}"
            down[name] = torch.randn(rank, inputs, generator=generator) * inputs**-0.5
            up[name] = torch.zeros(outputs, rank)
    for matrix in (*down.values(), *up.values()):
        matrix.requires_grad_(True)
    return Lora(down, up, alpha / rank)


class Decoder:
    """`load` makes one; `fingerprint` names the file that it was read from."""

    def __init__(self, shape: Shape, weights: dict[str, Tensor], fingerprint: str) -> None:
        self.shape = shape
        self.fingerprint = fingerprint
        self._weights = weights
        pairs = torch.arange(0, shape.head_width, 2, dtype=torch.float64) / shape.head_width
        positions = torch.arange(min(shape.context_tokens, MAX_TOKENS), dtype=torch.float64)
        angles = torch.outer(positions, shape.rope_base**-pairs)
        self._turns = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)

    @property
    def max_tokens(self) -> int:
        """Of one sequence."""
        return len(self._turns)

    def states(self, ids: Tensor, lora: Lora | None = None, acts: Tensor | None = None) -> Tensor:
        """`ids` (batch, time) int64, `acts` (batch, time) bool: where `lora` acts -> states (batch, time,
        width), normed, that `logits` takes."""
        x = functional.embedding(ids, self._weights["token_embd"])
        mask = None if lora is None or acts is None else acts.unsqueeze(-1).to(x.dtype)
        for i in range(self.shape.num_layers):
            x = x + self._attention(f"blk.{i}", self._norm(f"blk.{i}.attn_norm", x), lora, mask)
            gate, up = self._project(f"blk.{i}", _GATE_UP, self._norm(f"blk.{i}.ffn_norm", x), lora, mask)
            mixed = functional.silu(gate) * up
            x = x + self._project(f"blk.{i}", ("ffn_down",), mixed, lora, mask)[0]
        return self._norm("output_norm", x)

    def logits(self, states: Tensor) -> Tensor:
        """(..., width) -> (..., num_tokens)."""
        return functional.linear(states, self._weights["output"])

    def _norm(self, name: str, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (self.shape.width,), self._weights[name], self.shape.norm_eps)

    def _attention(self, layer: str, x: Tensor, lora: Lora | None, mask: Tensor | None) -> Tensor:
        shape = self.shape
        batch, time, _ = x.shape
        heads = [
            part.view(batch, time, -1, shape.head_width) for part in self._project(layer, _QKV, x, lora, mask)
        ]
        q, k, v = (
            part.transpose(1, 2) for part in (self._turned(heads[0]), self._turned(heads[1]), heads[2])
        )
        shared = shape.num_heads // shape.num_kv_heads
        if shared > 1:
            k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        joined = mixed.transpose(1, 2).reshape(batch, time, -1)
        return self._project(layer, ("attn_output",), joined, lora, mask)[0]

    def _turned(self, x: Tensor) -> Tensor:
        """(batch, time, heads, head_width), by position."""
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
        turned = pairs * self._turns[: x.shape[1], None]
        return torch.view_as_real(turned).flatten(-2)

    def _project(
        self, layer: str, targets: tuple[str, ...], x: Tensor, lora: Lora | None, mask: Tensor | None
    ) -> list[Tensor]:
        """x through these matrices of a layer, which are kept as one."""
        whole = functional.linear(x, self._weights[f"{layer}.{'+'.join(targets)}"])
        outs = torch.split(whole, [self.shape.sides(t)[0] for t in targets], -1)
        if lora is None or mask is None:
            return list(outs)
        names = [f"{layer}.{target}" for target in targets]
        seen = x * mask
        low = functional.linear(seen, torch.cat([lora.down[name] for name in names]))
        lows = torch.split(low, [len(lora.down[name]) for name in names], -1)
        return [
            out + lora.scale * functional.linear(part, lora.up[name])
            for out, part, name in zip(outs, lows, names, strict=True)
        ]


def load(path: Path) -> Decoder:
    """Raises BundleError when the file is no GGUF of a plain llama: other architectures, biases, experts or
    stretched positions are not known here."""
    file = gguf_file.read_model(path)
    shape = _shape(file)
    reader = gguf.GGUFReader(path)
    stored = {tensor.name: tensor for tensor in reader.tensors}
    wanted = _wanted(shape)
    has_head = "output.weight" in stored
    if has_head:
        wanted["output.weight"] = (shape.num_tokens, shape.width)
    if strange := sorted(stored.keys() ^ wanted.keys()):
        raise BundleError(f"{path} is no plain llama: {strange[0]} is absent or unknown here")
    weights: dict[str, Tensor] = {}
    for name, sides in wanted.items():
        values = np.array(gguf.dequantize(stored[name].data, stored[name].tensor_type), np.float32)
        if values.shape != sides or not np.isfinite(values).all():
            raise BundleError(f"{path}: {name} has shape {values.shape} or numbers that are not finite")
        weights[name.removesuffix(".weight")] = torch.from_numpy(values)
    weights.setdefault("output", weights["token_embd"])
    return Decoder(shape, _joined(shape, weights), gguf_file.fingerprint(file))


def _joined(shape: Shape, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for layer in range(shape.num_layers):
        for targets in (_QKV, _GATE_UP):
            parts = [weights.pop(f"blk.{layer}.{target}") for target in targets]
            weights[f"blk.{layer}.{'+'.join(targets)}"] = torch.cat(parts)
    return weights


def _wanted(shape: Shape) -> dict[str, tuple[int, ...]]:
    wanted: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (shape.num_tokens, shape.width),
        "output_norm.weight": (shape.width,),
    }
    for layer in range(shape.num_layers):
        wanted |= {f"blk.{layer}.{target}.weight": shape.sides(target) for target in TARGETS}
        wanted |= {f"blk.{layer}.{norm}.weight": (shape.width,) for norm in _NORMS}
    return wanted


def _shape(file: GgufFile) -> Shape:
    architecture = file.text("general.architecture")
    if architecture != "llama":
        raise BundleError(
            f"{file.path} has architecture {architecture!r}; a voice is made only for 'llama'",
            remedy="make its adapters with another program, then: sensorium voice add",
        )

    def number(key: str, default: float | None = None) -> float:
        value = file.metadata.get(f"llama.{key}", default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
            raise BundleError(f"{file.path}: llama.{key} is {value}")
        return value

    width, num_heads = int(number("embedding_length")), int(number("attention.head_count"))
    head_width = int(number("attention.key_length", width // num_heads))
    shape = Shape(
        num_tokens=file.vocab_size,
        width=width,
        num_layers=int(number("block_count")),
        num_heads=num_heads,
        num_kv_heads=int(number("attention.head_count_kv", num_heads)),
        head_width=head_width,
        hidden=int(number("feed_forward_length")),
        context_tokens=int(number("context_length")),
        rope_base=float(number("rope.freq_base", 10_000.0)),
        norm_eps=float(number("attention.layer_norm_rms_epsilon", 1e-5)),
    )
    same = {
        head_width,
        number("attention.value_length", head_width),
        number("rope.dimension_count", head_width),
    }
    stretched = file.text("llama.rope.scaling.type") not in ("", "none")
    if len(same) > 1 or head_width % 2 or num_heads % shape.num_kv_heads or stretched:
        raise BundleError(f"{file.path} is no plain llama: its heads or positions are of another kind")
    return shape
