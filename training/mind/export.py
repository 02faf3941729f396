"""Writes a trained mind as GGUF: `python -m training.mind.export [--run mind-full] [--out FILE]`.

Without --out it becomes the bundle's mind.gguf, its SHA-256 goes to bundle.toml, and golden answers of the
torch model are written for the tests. Knows nothing of training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path

import torch

from training.mind.exam import draw_exam
from training.mind.mind_file import load_mind, write_gguf
from training.mind.model import Mind
from training.mind.render import render
from training.mind.train import RUNS

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


def record_sha256(bundle: Path, path: str) -> None:
    """Puts the file's SHA-256 behind its `path` in bundle.toml."""
    digest = hashlib.sha256((bundle / path).read_bytes()).hexdigest()
    toml = bundle / "bundle.toml"
    text = toml.read_text()
    pattern = rf'(path = "{re.escape(path)}"\nsha256 = ")[0-9a-f]*(")'
    changed, num = re.subn(pattern, rf"\g<1>{digest}\g<2>", text)
    if num != 1:
        raise SystemExit(f"{toml}: no sha256 line behind path = {path!r}")
    toml.write_text(changed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="mind-full", help="folder under training/runs")
    parser.add_argument("--out", type=Path, help="only write this GGUF")
    args = parser.parse_args()
    mind = load_mind(RUNS / args.run / "weights.pt")
    if args.out:
        write_gguf(mind, args.out)
        return
    write_gguf(mind, BUNDLE / "mind.gguf")
    record_sha256(BUNDLE, "mind.gguf")
    write_golden(mind, GOLDEN)
    print(f"{BUNDLE / 'mind.gguf'}: {(BUNDLE / 'mind.gguf').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
