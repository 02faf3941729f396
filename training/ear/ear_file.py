"""Reads an exported ear back, for training to go on from: what ships is there when checkpoints are gone.

The file holds no character and phoneme heads; those stay as they were drawn, and so do words that came later.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from training.ear.data import Lexicon
from training.ear.model import Ear


def start_from(ear: Ear, lexicon: Lexicon, path: Path) -> None:
    """Puts the file's weights into `ear`. Raises ValueError where it has words that the lexicon has not."""
    model = onnx.load(path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    words = facts.get("words", "").split()
    if unknown := set(words) - set(lexicon.words):
        raise ValueError(f"{path} knows words that training does not: {' '.join(sorted(unknown)[:10])}")
    stored = {
        tensor.name.removesuffix("_half"): numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in model.graph.initializer
    }
    named = {name: stored[f"ear.{name}"] for name, _ in ear.named_parameters() if f"ear.{name}" in stored}
    layers = [node for node in model.graph.node if node.op_type == "GRU"]
    for layer, node in zip(("gru1", "gru2"), layers, strict=True):
        given, recurrent, biases = (stored[name][0] for name in node.input[1:4])
        own, fed_back = np.split(biases, 2)
        named |= {
            f"{layer}.weight_ih_l0": _in_torchs_order(given),
            f"{layer}.weight_hh_l0": _in_torchs_order(recurrent),
            f"{layer}.bias_ih_l0": _in_torchs_order(own),
            f"{layer}.bias_hh_l0": _in_torchs_order(fed_back),
        }
    (head,) = (node for node in model.graph.node if node.op_type == "MatMul" and node.input[0] == "frames")
    rows = [0, *lexicon.word_ids(words)]  # the blank first
    for name, values in (("weight", stored[head.input[1]].T), ("bias", named["words.bias"])):
        drawn = ear.get_parameter(f"words.{name}").detach().numpy().copy()
        drawn[rows] = values
        named[f"words.{name}"] = drawn
    weights: dict[str, Tensor] = {name: torch.from_numpy(value.copy()) for name, value in named.items()}
    missing = ear.load_state_dict(weights, strict=False).missing_keys
    assert {name.partition(".")[0] for name in missing} == {"chars", "phonemes"}, missing


def _in_torchs_order(gates: NDArray[np.float32]) -> NDArray[np.float32]:
    """ONNX stacks the gates update, reset, new; torch reset, update, new."""
    update, reset, new = np.split(gates, 3)
    return np.concatenate([reset, update, new])
