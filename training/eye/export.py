"""Writes the trained eye as ONNX into the bundle: `python -m training.eye.export [--checkpoint FILE]`.

One picture goes in; embeddings and what is read from them come out. Weights are stored as float16 and
computed as float32; the rounded eye is what is verified. The lists of looks and colours travel in the
metadata.
"""

from __future__ import annotations

import argparse
import json
import random
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from sensorium.vision import encoder
from sensorium.vision.encoder import PICTURE_SIDE
from training.ear.bundle import BUNDLE, record
from training.eye.model import PRESENT_FROM, Eye, Folded, peaks
from training.eye.pictures import draw
from training.eye.scenes import COLOURS, LOOKS, Scene, draw_scene
from training.eye.train import PRESETS, RUNS, load
from training.onnx_half import store_half

GOLDEN = Path(__file__).parents[2] / "tests" / "unit" / "vision" / "eye_golden.npz"
_OPSET = 17
_OUTPUTS = ("embeddings", "presence", "looks", "colours", "places", "count")


class Shipped(nn.Module):
    """A whole look: peaks, their embeddings from left to right, the read-outs as probabilities."""

    def __init__(self, eye: Eye) -> None:
        super().__init__()
        self.eye = eye

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """(B, 96, 96, 3) uint8. A slot without a thing has an embedding of zeros."""
        seen = self.eye(pictures)
        hottest, cells = peaks(seen.heat)
        at_peaks = _pick(seen.features.flatten(2).transpose(1, 2), cells)
        embeddings = self.eye.embed(at_peaks, cells)
        present = hottest > PRESENT_FROM
        x = self.eye.place(embeddings)[..., 0]
        order = torch.argsort(torch.where(present, x, torch.full_like(x, 9.0)), dim=1)
        embeddings, present = _pick(embeddings, order), torch.gather(present, 1, order)
        embeddings = embeddings * present[..., None].float()
        read = self.eye.read(embeddings)
        everything = torch.cat([seen.whole[:, None], embeddings], 1)
        odds = (logits.softmax(-1) for logits in (read.look, read.colour))
        return (everything, present, *odds, read.place, seen.num_things.softmax(-1))


def _pick(rows: Tensor, which: Tensor) -> Tensor:
    """(B, n, width) and (B, k) -> (B, k, width)."""
    return torch.gather(rows, 1, which[..., None].expand(-1, -1, rows.shape[2]))


def rounded(eye: Eye) -> Eye:
    """A copy with the norms folded into the convolutions and every weight the nearest float16."""
    copied = Eye(len(LOOKS), len(COLOURS))
    copied.load_state_dict(eye.state_dict())
    copied.eval()
    copied.trunk = nn.Sequential(*(Folded(block) for block in copied.blocks()))
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.copy_(parameter.half().float())
    return copied.requires_grad_(False)


def export(eye: Eye, path: Path, *, steps: int) -> None:
    """`eye` must come from `rounded`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated; the other one needs onnxscript
        torch.onnx.export(
            Shipped(eye),
            (torch.zeros(1, PICTURE_SIDE, PICTURE_SIDE, 3, dtype=torch.uint8),),
            str(path),
            input_names=["picture"],
            output_names=list(_OUTPUTS),
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    store_half(model.graph)
    facts = {
        "kind": "sensorium-eye-1",
        "looks": " ".join(":".join(look).rstrip(":") for look in LOOKS),
        "colours": " ".join(COLOURS),
        "training_steps": str(steps),
    }
    helper.set_model_props(model, facts)
    model.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def verify(eye: Eye, path: Path, pictures: NDArray[np.uint8]) -> float:
    """Shows every picture to the file and to torch; the largest difference of an embedding's value.

    Raises AssertionError where the things seen differ.
    """
    shipped, largest = encoder.Eye.load(path), 0.0
    for picture in pictures:
        sight = shipped.look(picture)
        with torch.no_grad():
            embeddings, present, looks, colours, *_ = Shipped(eye)(torch.from_numpy(picture)[None])
        best = [
            LOOKS[i] + (COLOURS[j],) for i, j in zip(looks[0].argmax(-1), colours[0].argmax(-1), strict=True)
        ]
        assert [t[:3] for t in sight.things] == best[: int(present.sum())], "the file sees other things"
        largest = max(largest, float(np.abs(sight.embeddings - embeddings[0].numpy()).max()))
    return largest


def examples(count: int, seed: int = 7) -> tuple[list[Scene], NDArray[np.uint8]]:
    layout = random.Random(f"eye export {seed}")
    scenes = [draw_scene(layout) for _ in range(count)]
    return scenes, draw(scenes, np.random.default_rng(seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=RUNS / "last.pt")
    parser.add_argument("--out", type=Path, default=BUNDLE / "eye.onnx")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = load(arguments.checkpoint, PRESETS["full"])
    eye = rounded(run.average)
    part = arguments.out.with_suffix(".part.onnx")
    export(eye, part, steps=run.step)
    scenes, pictures = examples(100)
    difference = verify(eye, part, pictures)
    part.replace(arguments.out)
    if arguments.out.parent == BUNDLE:
        record("eye", arguments.out)
        _write_golden(eye, scenes[:6], pictures[:6])
    facts = {"step": run.step, "bytes": arguments.out.stat().st_size, "checked": len(pictures)}
    print(json.dumps({**facts, "largest_embedding_difference": difference}))


def _write_golden(eye: Eye, scenes: list[Scene], pictures: NDArray[np.uint8]) -> None:
    """Pictures, their truth and torch's own answers, for the test of the shipped file."""
    with torch.no_grad():
        embeddings, present, _, _, places, _ = Shipped(eye)(torch.from_numpy(pictures))
    np.savez_compressed(
        GOLDEN,
        pictures=pictures,
        embeddings=embeddings.numpy(),
        present=present.numpy(),
        places=places.numpy(),
        truth=np.array([", ".join(thing.words for thing in scene.things) for scene in scenes]),
    )


if __name__ == "__main__":
    main()
