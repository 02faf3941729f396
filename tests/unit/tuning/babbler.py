"""A small mind with nano's words and random weights that babbles when it is to speak."""

from __future__ import annotations

from pathlib import Path

import torch
from training.mind import vocabulary
from training.mind.mind_file import write_gguf
from training.mind.model import Mind, Shape


def write_babbler(path: Path) -> None:
    torch.manual_seed(3)
    mind = Mind(Shape(vocabulary.SIZE, width=64, num_layers=2, num_heads=4, head_width=16, hidden=96))
    with torch.no_grad():
        for layer in mind.layers:
            for matrix in (layer.qkv, layer.out, layer.gate_up, layer.down):
                matrix.weight.mul_(5.0)
        # Codes are likelier than words.
        mind.embedding.weight[vocabulary.FIRST_CODE :] *= 4.0
    write_gguf(mind, path)
