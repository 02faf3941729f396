"""Writes a trained mind as GGUF: `python -m training.mind.export [--run mind-omni] [--out FILE]`.

Beside a mind that hears, senses.npz: how what the ear and the eye say becomes its embeddings. Without --out
they become the bundle's, their SHA-256 go to bundle.toml, and golden answers of the torch model are written
for the tests. Knows nothing of training.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from sensorium.hearing.encoder import EarModel
from training.ear.bundle import record
from training.mind.exam import draw_exam
from training.mind.mind_file import load_mind, load_trained_senses, save_senses, write_gguf
from training.mind.model import Mind
from training.mind.render import render
from training.mind.train import RUNS
from training.mind.vocabulary import SIZE

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "src" / "sensorium" / "bundles" / "nano"
GOLDEN = ROOT / "tests" / "unit" / "training" / "golden_mind.json"


@torch.no_grad()
def write_golden(mind: Mind, out: Path, *, num: int = 8, top: int = 5) -> None:
    """Prompts with the torch model's best next tokens and their log-probabilities, for a test of the GGUF."""
    golden = []
    for split, play in draw_exam(1, splits=("train",), seed=42)[:: max(1, 21 // num)]:
        ids = render(play, with_reply=False).ids
        logits = mind.logits(mind.states(torch.tensor([ids])))[0, -1]
        best = logits.log_softmax(-1).topk(top)
        golden.append(
            {
                "split": split,
                "ids": ids,
                "best": best.indices.tolist(),
                "logprobs": [round(x, 4) for x in best.values.tolist()],
            }
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(golden) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="mind-omni", help="folder under training/runs")
    parser.add_argument("--out", type=Path, help="only write this GGUF")
    args = parser.parse_args()
    weights = RUNS / args.run / "weights.pt"
    mind = load_mind(weights)
    gguf = args.out or BUNDLE / "mind.gguf"
    write_gguf(mind, gguf)
    print(f"{gguf}: {gguf.stat().st_size / 1e6:.1f} MB")
    # Every mind hears what it can read; only one that has codes has learnt to see.
    sees = load_trained_senses(weights) if mind.shape.num_tokens == SIZE else None
    senses = gguf.with_name("senses.npz")
    save_senses(mind, EarModel.load(BUNDLE / "ear.onnx").words, senses, sees)
    if args.out:
        return
    record("mind", gguf)
    record("senses", senses)
    write_golden(mind, GOLDEN)


if __name__ == "__main__":
    main()
