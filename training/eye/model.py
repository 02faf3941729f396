"""The eye: convolutions down to a grid of 12 x 12, a heat map of centres, an embedding at each.

Whatever is read out is read from the embeddings by one linear layer, so that they surely hold it. Knows
nothing of training, files or drawing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium.vision.encoder import MAX_THINGS, PICTURE_SIDE

CELL = 8
CELLS = PICTURE_SIDE // CELL
WIDTH = 128
# A heat of 1 is a centre in the middle of its cell; at worst, in a cell's corner, 0.64 is left.
PRESENT_FROM = 0.4
_CHANNELS = 96
_PLACE = 10


class Readout(NamedTuple):
    """What one thing's embedding says; logits but for `place`: x, y, diameter in shares of the picture."""

    look: Tensor  # (..., looks)
    colour: Tensor  # (..., colours)
    place: Tensor  # (..., 3)


class Seen(NamedTuple):
    """One forward pass over B pictures."""

    features: Tensor  # (B, 96, 12, 12)
    heat: Tensor  # (B, 12, 12) logits
    whole: Tensor  # (B, WIDTH), the embedding of the whole picture
    num_things: Tensor  # (B, 1 + MAX_THINGS) logits, read from `whole`


class Block(nn.Module):
    """A 3 x 3 convolution and its norm; added to what came in where the shape stays the same.

    The weight is a matrix, because that is what Muon takes; its columns lie as channels_last wants them.
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, 9 * before) * (2 / (9 * before)) ** 0.5)
        self.norm = nn.BatchNorm2d(after)
        self.stride, self.adds = stride, before == after

    @property
    def kernel(self) -> Tensor:
        """(after, before, 3, 3), a view."""
        return self.weight.view(len(self.weight), 3, 3, -1).permute(0, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(functional.conv2d(x, self.kernel, stride=self.stride, padding=1))
        return functional.relu(x + y if self.adds else y, inplace=True)


class Folded(nn.Module):
    """A block that learns no more: the norm is part of the convolution."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        norm, kernel = block.norm, block.kernel
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        self.conv = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, block.stride, 1)
        with torch.no_grad():
            self.conv.weight.copy_(kernel * scale[:, None, None, None])
            assert self.conv.bias is not None
            self.conv.bias.copy_(norm.bias - norm.running_mean * scale)
        self.adds = block.adds

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return functional.relu(x + y if self.adds else y)


class Eye(nn.Module):
    def __init__(self, num_looks: int, num_colours: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            Block(3, 16, 2),
            Block(16, 32, 2),
            Block(32, 48),
            Block(48, _CHANNELS, 2),
            Block(_CHANNELS, _CHANNELS),
            Block(_CHANNELS, _CHANNELS),
            Block(_CHANNELS, _CHANNELS),
        )
        self.heat = nn.Conv2d(_CHANNELS, 1, 1)
        nn.init.constant_(self.heat.bias, -2.0)  # type: ignore[arg-type]
        self.thing = _embedder(_CHANNELS + _PLACE)
        self.whole = _embedder(2 * _CHANNELS + MAX_THINGS)
        self.look = nn.Linear(WIDTH, num_looks)
        self.colour = nn.Linear(WIDTH, num_colours)
        self.place = nn.Linear(WIDTH, 3)
        self.count = nn.Linear(WIDTH, 1 + MAX_THINGS)

    def forward(self, pictures: Tensor) -> Seen:
        """(B, 96, 96, 3) uint8."""
        x = pictures.permute(0, 3, 1, 2).float() / 128.0 - 1.0
        features = self.trunk(x)
        heat = self.heat(features)[:, 0]
        hottest, _ = peaks(heat)
        flat = features.flatten(2)
        whole = self.whole(torch.cat([flat.mean(2), flat.amax(2), hottest.detach()], 1))
        return Seen(features, heat, whole, self.count(whole))

    def blocks(self) -> list[Block]:
        return [block for block in self.trunk if isinstance(block, Block)]

    def embed(self, features: Tensor, cells: Tensor) -> Tensor:
        """Features (..., 96) and their cell's number (...,) 0 to 143 -> embeddings (..., WIDTH)."""
        row = torch.div(cells, CELLS, rounding_mode="floor")
        across, down = ((n.float() + 0.5) / CELLS for n in (cells - row * CELLS, row))
        angles = [n * (torch.pi * f) for n in (across, down) for f in (1.0, 2.0)]
        waves = [wave for angle in angles for wave in (angle.sin(), angle.cos())]
        embeddings: Tensor = self.thing(torch.cat([features, torch.stack([across, down, *waves], -1)], -1))
        return embeddings

    def read(self, embeddings: Tensor) -> Readout:
        return Readout(self.look(embeddings), self.colour(embeddings), self.place(embeddings))


def peaks(heat: Tensor) -> tuple[Tensor, Tensor]:
    """The hottest MAX_THINGS cells that no neighbour outdoes: heat 0 to 1 and cells, both (B, MAX_THINGS)."""
    hot = heat.sigmoid()
    highest = functional.max_pool2d(hot[:, None], 3, 1, 1)[:, 0]
    hottest, cells = torch.topk((hot * (hot == highest)).flatten(1), MAX_THINGS)
    return hottest, cells


def _embedder(width: int) -> nn.Sequential:
    """The last norm has no weights: every embedding has mean 0 and deviation 1."""
    norm = nn.LayerNorm(WIDTH, elementwise_affine=False)
    return nn.Sequential(nn.Linear(width, WIDTH), nn.ReLU(inplace=True), nn.Linear(WIDTH, WIDTH), norm)
