"""Trains nano's mind: `python -m training.mind.train [--preset full|cpu|smoke] [--resume]`.

Writes checkpoints and weights under training/runs/ (not in git). Runs on one core or on one GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.mind.batches import Batch, Diet, as_batch, batches_from_workers, batches_here
from training.mind.exam import Mark, as_text, draw_exam, table
from training.mind.model import Mind, Shape
from training.mind.play import Play
from training.mind.render import render
from training.mind.vocabulary import SIZE
from training.world import Split

RUNS = Path(__file__).parents[1] / "runs"
# By weight class: not learnt, own answers, what people say.
CLASS_WEIGHTS = (0.0, 1.0, 0.05)


@dataclass(frozen=True)
class Preset:
    shape: Shape
    diet: Diet
    num_steps: int
    learning_rate: float
    warmup_steps: int
    exam_every: int
    exam_per_skill: int = 12


PRESETS = {
    # One H200, about eight minutes.
    "full": Preset(Shape(SIZE), Diet(tokens_per_batch=49_152, pool_batches=12), 12_000, 2e-3, 200, 1_000, 40),
    # One core, some hours.
    "cpu": Preset(Shape(SIZE, num_layers=4), Diet(tokens_per_batch=6_144, max_tokens=768), 5_000, 2e-3, 100, 250),
    "smoke": Preset(
        Shape(SIZE, width=64, num_layers=2, num_heads=4, hidden=128),
        Diet(tokens_per_batch=1_024, pool_batches=4, max_tokens=512),
        30, 3e-3, 5, 30, 1,
    ),
}  # fmt: skip


def learning_rate(step: int, preset: Preset) -> float:
    """Linear warm-up, then a cosine down to a fiftieth."""
    if step < preset.warmup_steps:
        return preset.learning_rate * (step + 1) / preset.warmup_steps
    done = (step - preset.warmup_steps) / max(1, preset.num_steps - preset.warmup_steps)
    return preset.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def loss_of(model: Mind, ids: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted cross-entropy, and the share of own-answer tokens foreseen."""
    states = model.states(ids[:, :-1])
    targets, target_classes = ids[:, 1:], classes[:, 1:]
    learnt = target_classes > 0
    weights = torch.tensor(CLASS_WEIGHTS, device=ids.device)[target_classes[learnt].long()]
    logits = model.logits(states[learnt]).float()
    wanted = targets[learnt]
    losses = F.cross_entropy(logits, wanted, reduction="none")
    own = weights == 1.0
    foreseen = (logits.argmax(-1) == wanted)[own].float().mean()
    return (losses * weights).sum() / weights.sum(), foreseen.detach()


def to_device(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    ids = torch.from_numpy(batch[0]).to(device, non_blocking=True).long()
    return ids, torch.from_numpy(batch[1]).to(device, non_blocking=True)


@torch.no_grad()
def examine(model: Mind, exam: list[tuple[Split, Play]], device: torch.device) -> list[Mark]:
    """Greedy answers, exactly right or not. (An answer is the greedy one when each of its tokens is.)"""
    pages = [render(play) for _, play in exam]
    marks: list[Mark] = []
    for first in range(0, len(exam), 64):
        chunk = pages[first : first + 64]
        ids, _ = to_device(as_batch(chunk), device)
        guesses = model.logits(model.states(ids)).argmax(-1).cpu().numpy()
        for row, page in enumerate(chunk):
            split, play = exam[first + row]
            start = len(render(play, with_reply=False).ids)
            wanted = np.asarray(page.ids[start:])
            right = bool((guesses[row, start - 1 : len(page.ids) - 1] == wanted).all())
            marks.append(Mark(play.newest.skill, split, right))
    return marks


def optimizer_of(model: Mind, preset: Preset) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=preset.learning_rate, betas=(0.9, 0.95))


class Run:
    """One training run in its folder: the model, the optimizer and how far they are."""

    def __init__(self, name: str, preset: Preset, seed: int, device: torch.device, runs: Path = RUNS) -> None:
        torch.manual_seed(seed)
        self.preset, self.seed, self.device = preset, seed, device
        self.folder = runs / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model = Mind(preset.shape).to(device)
        self.optimizer = optimizer_of(self.model, preset)
        self.step = 0
        self.num_tokens = 0
        self.train_s = 0.0

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "counters": (self.step, self.num_tokens, self.train_s),
        }
        torch.save(state, self.checkpoint.with_suffix(".tmp"))
        self.checkpoint.with_suffix(".tmp").replace(self.checkpoint)
        weights = {name: value.half().cpu() for name, value in self.model.state_dict().items()}
        torch.save({"shape": asdict(self.preset.shape), "weights": weights}, self.folder / "weights.pt")

    def load(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.num_tokens, self.train_s = state["counters"]

    def one_step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.preset)
        ids, classes = to_device(batch, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            loss, foreseen = loss_of(self.model, ids, classes)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.num_tokens += batch[0].size
        return loss.detach(), foreseen

    def batches(self, num_workers: int) -> Iterator[Batch]:
        preset = self.preset
        if num_workers:
            return batches_from_workers(self.seed, preset.diet, preset.num_steps, num_workers, self.step)
        return batches_here(self.seed, preset.diet, preset.num_steps, self.step)

    def train(self, num_workers: int, max_s: float, log_every: int = 50) -> None:
        exam = draw_exam(self.preset.exam_per_skill)
        started, spent = time.monotonic(), self.train_s
        for batch in self.batches(num_workers):
            loss, foreseen = self.one_step(batch)
            self.train_s = spent + time.monotonic() - started
            if self.step % log_every == 0:
                self.log({"loss": round(loss.item(), 4), "foreseen": round(foreseen.item(), 4)})
            last = self.step >= self.preset.num_steps or time.monotonic() - started > max_s
            if last or self.step % self.preset.exam_every == 0:
                self.save()
                shares = table(examine(self.model, exam, self.device))
                self.log({"exam": {k: {s: round(v, 3) for s, v in row.items()} for k, row in shares.items()}})
                print(as_text(shares), file=sys.stderr, flush=True)
            if last:
                return

    def log(self, entry: dict[str, object]) -> None:
        entry = {"step": self.step, "tokens": self.num_tokens, "train_s": round(self.train_s, 1), **entry}
        line = json.dumps(entry)
        with (self.folder / "log.jsonl").open("a") as f:
            f.write(line + "\n")
        if "exam" not in entry:
            print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="full")
    parser.add_argument("--name", default="", help="folder under training/runs (default: mind-PRESET)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=-1, help="processes that make data (0: this one)")
    parser.add_argument("--max-minutes", type=float, default=1e9)
    args = parser.parse_args()
    device = torch.device(args.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    run = Run(args.name or f"mind-{args.preset}", PRESETS[args.preset], args.seed, device)
    if args.resume:
        run.load()
    num_workers = args.workers if args.workers >= 0 else 0 if device.type == "cpu" else 6
    num_parameters = sum(p.numel() for p in run.model.parameters())
    print(f"{num_parameters / 1e6:.2f} M parameters on {device}, {num_workers} workers", flush=True)
    run.train(num_workers, args.max_minutes * 60)


if __name__ == "__main__":
    main()
