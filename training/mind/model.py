"""The mind: a llama-style decoder in plain torch, whose weights go to llama.cpp's arch "llama" as they are.

Rotary pairs are neighbours (2i, 2i+1), which is how llama.cpp rotates for that arch: nothing is permuted.
Knows nothing of data or of files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# High, so that half of the pairs hardly turn within a context and can be matched at any distance.
ROPE_BASE = 1_000_000.0
NORM_EPS = 1e-5
NUM_COPYING_HEADS = 2
EYE_WIDTH = 128


@dataclass(frozen=True)
class Shape:
    num_tokens: int
    width: int = 192
    num_layers: int = 6
    num_heads: int = 3
    head_width: int = 64
    hidden: int = 384
    context_tokens: int = 2048

    @property
    def shown_heads(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """Which (layer, head) is shown each kind of render.SHOWN. First who says what, then what is asked for
        and about whom, then, by both, where it was said, and lastly where it was said last."""
        last = self.num_layers - 1
        return {
            "owner": ((min(1, last), -1),),
            "topic": ((min(2, last), -1),),
            "whom": ((min(2, last), -2),),
            "earlier": ((min(3, last), -2),),
            "source": ((min(3, last), -1), (min(4, last), -1)),
        }


def rope_table(shape: Shape) -> tuple[Tensor, Tensor]:
    """cos and sin, each (context_tokens, head_width) float32, every pair's value twice."""
    pair = torch.arange(0, shape.head_width, 2, dtype=torch.float32) / shape.head_width
    angles = torch.outer(torch.arange(shape.context_tokens, dtype=torch.float32), ROPE_BASE**-pair)
    return angles.cos().repeat_interleave(2, -1), angles.sin().repeat_interleave(2, -1)


def pair_swap(width: int) -> Tensor:
    """(width, width): x @ it is (-x1, x0, -x3, x2, ...). A product is faster here than strided slices."""
    swap = torch.zeros(width, width)
    even = torch.arange(0, width, 2)
    swap[even + 1, even], swap[even, even + 1] = -1.0, 1.0
    return swap


# Queries at a time: keys that come later than all of them are left out, which halves the work.
BLOCK = 128


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """q, k, v (batch, heads, time, head_width) -> the same shape. In blocks, because on a CPU forward and
    backward together take 0.7 of what torch's fused kernel takes (400 tokens, heads of 64, float32)."""
    batch, heads, time, width = q.shape
    q, k, v = (x.reshape(batch * heads, time, width) for x in (q * width**-0.5, k, v))
    later = torch.full((BLOCK, BLOCK), float("-inf"), dtype=q.dtype, device=q.device).triu(1)
    blocks = []
    for start in range(0, time, BLOCK):
        end = min(start + BLOCK, time)
        scores = torch.bmm(q[:, start:end], k[:, :end].transpose(1, 2))
        scores[:, :, start:] += later[: end - start, : end - start]
        blocks.append(torch.bmm(scores.softmax(-1), v[:, :end]))
    return torch.cat(blocks, 1).view(batch, heads, time, width)


class Sought(NamedTuple):
    """Queries and keys of one layer, each (batch, heads, time, head_width), turned."""

    queries: Tensor
    keys: Tensor

    def attended(self, head: int, rows: Tensor, positions: Tensor, targets: Tensor) -> Tensor:
        """rows, positions (num,), by row; targets (num, some; -1: none); all int64 -> log of the attention
        that goes from each position to its targets, (num,) float32."""
        all_keys = self.keys[:, head]
        queries = self.queries[:, head][rows, positions] * all_keys.shape[-1] ** -0.5
        time = torch.arange(all_keys.shape[1], device=rows.device)
        scores = torch.cat([queries[rows == row] @ keys.T for row, keys in enumerate(all_keys.unbind())])
        scores = scores.float()
        scores = scores.masked_fill(time > positions[:, None], float("-inf"))
        hits = scores.gather(1, targets.clamp(min=0)).masked_fill(targets < 0, float("-inf"))
        return hits.logsumexp(1) - scores.logsumexp(1)


class Given(NamedTuple):
    """What is read in place of tokens: rows and positions (num,) int64, vectors (num, width)."""

    rows: Tensor
    positions: Tensor
    vectors: Tensor


class Norm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), NORM_EPS)


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attention_norm = Norm(shape.width)
        self.qkv = nn.Linear(shape.width, 3 * shape.num_heads * shape.head_width, bias=False)
        self.out = nn.Linear(shape.num_heads * shape.head_width, shape.width, bias=False)
        self.hidden_norm = Norm(shape.width)
        self.gate_up = nn.Linear(shape.width, 2 * shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Sought]:
        """The new x, and what the heads sought."""
        batch, time, _ = x.shape
        cos, sin, swap = rope
        heads = self.qkv(self.attention_norm(x)).view(batch, time, 3, self.shape.num_heads, -1)
        qk, v = heads[:, :, :2], heads[:, :, 2]
        qk = qk * cos + (qk @ swap) * sin
        q, k, v = (y.transpose(1, 2) for y in (qk[:, :, 0], qk[:, :, 1], v))
        mixed = causal_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, time, -1))
        gate, up = self.gate_up(self.hidden_norm(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up), Sought(q, k)


class Senses(nn.Module):
    """What makes the mind's embeddings of the eye's. (The ear's words have theirs: `Mind.expected`.)"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.see = nn.Linear(EYE_WIDTH, width)


class Mind(nn.Module):
    cos: Tensor
    sin: Tensor
    swap: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.num_tokens, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_layers))
        self.norm = Norm(shape.width)
        cos, sin = rope_table(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.register_buffer("swap", pair_swap(shape.head_width), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.embedding.weight, std=0.05)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
        for layer in self.layers:
            for last in (layer.out, layer.down):
                nn.init.normal_(last.weight, std=0.02 / (2 * self.shape.num_layers) ** 0.5)
        for head in range(NUM_COPYING_HEADS):
            self._plant_copying(head)

    @torch.no_grad()
    def _plant_copying(self, head: int) -> None:
        """Starts the model with one pair of heads that copy ("A B ... A" -> "B"), which gradients find late:
        in layer 0 a head that looks one token back and notes what it sees, in layer 1 one that seeks the
        place whose note is the present token. All of it is trained on."""
        size = self.shape.head_width
        rows = slice(head * size, (head + 1) * size)
        # Three subspaces that leave dimension 0 alone; where there is no room, the last overlaps the first.
        basis = torch.linalg.qr(torch.randn(self.shape.width - 1, 2 * size)).Q.T
        seen, noted = (F.pad(part, (1, 0)) for part in basis.split(size))
        copied = F.pad(torch.linalg.qr(torch.randn(self.shape.width - 1, size)).Q.T, (1, 0))
        angles = ROPE_BASE ** (-torch.arange(0, size, 2) / size)

        self.embedding.weight[:, 0] = 0.2  # the same for every token: what position alone can be read from
        q, k, v = (part[rows] for part in self.layers[0].qkv.weight.chunk(3))
        for pair in range(4):
            q[2 * pair, 0] = 2.2
            k[2 * pair, 0], k[2 * pair + 1, 0] = 2.2 * angles[pair].cos(), 2.2 * angles[pair].sin()
        v.copy_(seen)
        self.layers[0].out.weight[:, rows] = 0.2 * noted.T

        q, k, v = (part[rows] for part in self.layers[1].qkv.weight.chunk(3))
        slow = angles.repeat_interleave(2)[:, None] < 0.01  # pairs that hardly turn can carry content
        q.copy_(torch.where(slow, 3.1 * seen, 0.02 * seen))
        k.copy_(torch.where(slow, 3.1 * noted, 0.02 * noted))
        v.copy_(copied)
        self.layers[1].out.weight[:, rows] = 0.5 * copied.T

    def states(self, ids: Tensor, given: Given | None = None) -> Tensor:
        """ids (batch, time) int64 -> normed last states (batch, time, width)."""
        return self.states_and_sought(ids, given)[0]

    def states_and_sought(self, ids: Tensor, given: Given | None = None) -> tuple[Tensor, list[Sought]]:
        """The same, and what the heads of each layer sought."""
        x = self.embedding(ids)
        if given is not None:
            x = x.index_put((given.rows, given.positions), given.vectors.to(x.dtype))
        if torch.is_autocast_enabled(ids.device.type):
            x = x.to(torch.get_autocast_dtype(ids.device.type))
        time = ids.shape[1]
        rope = tuple(
            t.to(x.dtype) for t in (self.cos[:time, None, None], self.sin[:time, None, None], self.swap)
        )
        sought = []
        for layer in self.layers:
            x, here = layer(x, rope)
            sought.append(here)
        return self.norm(x), sought

    @torch.no_grad()
    def grown(self, shape: Shape) -> Mind:
        """A larger mind that computes the same: more tokens, and wider hidden layers whose new part adds
        nothing yet. Raises ValueError where it would have to differ otherwise."""
        old = self.shape
        if replace(old, num_tokens=shape.num_tokens, hidden=shape.hidden) != shape:
            raise ValueError("a mind can only grow in tokens and in hidden width")
        if shape.num_tokens < old.num_tokens or shape.hidden < old.hidden:
            raise ValueError("a mind cannot shrink")
        mind = Mind(shape)
        mind.embedding.weight[: old.num_tokens] = self.embedding.weight
        mind.norm.load_state_dict(self.norm.state_dict())
        for new, layer in zip(mind.layers, self.layers, strict=True):
            for part in ("attention_norm", "qkv", "out", "hidden_norm"):
                getattr(new, part).load_state_dict(getattr(layer, part).state_dict())
            for half, old_half in zip(
                new.gate_up.weight.chunk(2), layer.gate_up.weight.chunk(2), strict=True
            ):
                half[: old.hidden] = old_half
            new.down.weight.zero_()
            new.down.weight[:, : old.hidden] = layer.down.weight
        return mind

    def expected(self, tokens: Tensor, shares: Tensor) -> Tensor:
        """The embedding to expect where it may be any of these tokens: both (num, some) -> (num, width)."""
        return (self.embedding(tokens) * shares[..., None]).sum(-2)

    def logits(self, states: Tensor) -> Tensor:
        """The head is the embedding: states (..., width) -> (..., num_tokens)."""
        return F.linear(states, self.embedding.weight)
