"""Writes the trained ear as ONNX into the bundle: `python -m training.ear.export [--checkpoint FILE]`.

One 80 ms chunk and the state go in; word logits, frames and the new state come out. Weights are stored
as float16 and computed as float32; the rounded ear is what is verified. The words travel in the metadata.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from sensorium.hearing.encoder import EarModel, Encoder
from training.ear.bundle import BUNDLE, record
from training.ear.data import Lexicon
from training.ear.model import CHUNK_SAMPLES, SAMPLE_RATE_HZ, Ear, State, zero_state
from training.ear.train import PRESETS, RUNS, load
from training.onnx_half import store_half

GOLDEN = Path(__file__).parents[2] / "tests" / "unit" / "hearing" / "ear_golden.npz"
_OPSET = 17
_STATE = tuple(f"state_{name}" for name in State._fields)


class Shipped(nn.Module):
    """What the runtime needs of the ear: no characters, no phonemes."""

    def __init__(self, ear: Ear) -> None:
        super().__init__()
        self.ear = ear

    def forward(self, pcm: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        heard, after = self.ear(pcm, State(*state))
        return (heard.words, heard.frames, *after)


def round_weights(ear: Ear) -> Ear:
    """Every parameter to the nearest float16, in place; the spectrum's tables stay as they are."""
    with torch.no_grad():
        for parameter in ear.parameters():
            parameter.copy_(parameter.half().float())
    return ear.eval()


def export(ear: Ear, lexicon: Lexicon, path: Path, *, steps: int) -> None:
    """`ear` must have been through `round_weights`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated; the other one needs onnxscript
        torch.onnx.export(
            Shipped(ear),
            (torch.zeros(1, CHUNK_SAMPLES), *zero_state(1)),
            str(path),
            input_names=["pcm", *_STATE],
            output_names=["words", "frames", *(f"{name}_next" for name in _STATE)],
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    store_half(model.graph, frozenset({"ear.logmel.basis", "ear.logmel.mel"}))
    facts = {
        "kind": "sensorium-ear-1",
        "words": " ".join(lexicon.words),
        "sample_rate_hz": str(SAMPLE_RATE_HZ),
        "chunk_samples": str(CHUNK_SAMPLES),
        "training_steps": str(steps),
    }
    helper.set_model_props(model, facts)
    model.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def verify(ear: Ear, path: Path, samples: NDArray[np.float32]) -> float:
    """Streams `samples` (whole chunks) through the file; the largest logit difference to torch offline.

    Raises AssertionError where the best word of any frame differs.
    """
    encoder = Encoder(EarModel.load(path))
    chunks = samples.reshape(-1, CHUNK_SAMPLES)
    streamed = np.concatenate([encoder.feed(chunk).words for chunk in chunks])
    with torch.no_grad():
        offline = ear(torch.from_numpy(samples)[None], zero_state(1))[0].words[0].numpy()
    assert (streamed.argmax(-1) == offline.argmax(-1)).all(), "streamed and offline words differ"
    return float(np.abs(streamed - offline).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=RUNS / "last.pt")
    parser.add_argument("--out", type=Path, default=BUNDLE / "ear.onnx")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = load(arguments.checkpoint, PRESETS["full"])
    ear = round_weights(run.average)
    part = arguments.out.with_suffix(".part.onnx")
    export(ear, run.lexicon, part, steps=run.step)

    from training.ear.evaluate import SETS, examples

    kept = examples(SETS[0], 20) + examples(SETS[4], 20)
    difference = max(verify(ear, part, example.samples) for example in kept)
    part.replace(arguments.out)
    if arguments.out.parent == BUNDLE:
        record("ear", arguments.out)
        _write_golden(ear, kept[0].samples, kept[0].words)
    size = arguments.out.stat().st_size
    print(
        json.dumps(
            {"step": run.step, "bytes": size, "largest_logit_difference": difference, "checked": len(kept)}
        )
    )


def _write_golden(ear: Ear, samples: NDArray[np.float32], words: list[str]) -> None:
    """Sound and torch's own offline answer, for the test of the shipped file."""
    pcm = (samples * 32767).astype(np.int16)
    with torch.no_grad():
        heard, _ = ear(torch.from_numpy(pcm.astype(np.float32) / 32768.0)[None], zero_state(1))
    logits = heard.words[0].numpy()
    np.savez_compressed(
        GOLDEN,
        pcm=pcm,
        best=logits.argmax(-1).astype(np.int16),
        top=logits.max(-1),
        text=np.array(" ".join(words)),
    )


if __name__ == "__main__":
    main()
