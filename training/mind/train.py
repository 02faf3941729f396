"""Trains nano's mind: `python -m training.mind.train [--preset full|smoke] [--resume]`.

Writes checkpoints and weights under training/runs/ (not in git). Runs on CPU cores (--threads) or on one GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from training.autocast import autocast
from training.mind.batches import Batch, Diet, as_batch, batches
from training.mind.exam import PRACTICE_SEED, Mark, as_text, draw_exam, table
from training.mind.mind_file import read_gguf
from training.mind.model import Mind, Shape, Sought
from training.mind.play import Play
from training.mind.render import Page, render
from training.mind.vocabulary import SELF, SIZE
from training.muon import Muon
from training.world import Split

RUNS = Path(__file__).parents[1] / "runs"
# By weight class: not learnt, own answers, what people say, the answer to the newest message (it alone can
# draw on the moment, so it is seldom and counts double).
CLASS_WEIGHTS = (0.0, 1.0, 0.05, 2.0)
# The first word of an answer decides what it will be about, and is learnt last.
FIRST_WORD_EXTRA = 3.0
# Showing attention where an answer stands saves it the search: see LOG.md.
SHOWN_WEIGHTS = {"owner": 0.1, "topic": 0.1, "whom": 0.1, "earlier": 0.1, "source": 0.3}


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
    # Two cores with AVX2: 100 minutes.
    "full": Preset(Shape(SIZE), Diet(), 6_000, 2e-3, 50, 400, 5),
    "smoke": Preset(
        Shape(SIZE, width=64, num_layers=2, num_heads=4, head_width=16, hidden=128),
        Diet(tokens_per_batch=1_024, tokens_per_easy_batch=1_024, pool_batches=4, max_tokens=512),
        30, 3e-3, 5, 30, 1,
    ),
}  # fmt: skip


def learning_rate(step: int, preset: Preset) -> float:
    """As a share of the highest: up a line, level for 45 % of the run, then down a line to a fiftieth."""
    if step < preset.warmup_steps:
        return (step + 1) / preset.warmup_steps
    level_until = 0.45 * preset.num_steps
    done = max(0.0, step - level_until) / (preset.num_steps - level_until)
    return 1 - 0.98 * done


class Tensors(NamedTuple):
    """A Batch on the device; all int64 but the classes."""

    ids: Tensor
    classes: Tensor
    shown: dict[str, Tensor]


class Losses(NamedTuple):
    """`total` is what is minimised; `foreseen` is the share of own-answer tokens guessed right; `found` that
    of positions, by kind, from which more than half of the attention goes where it was shown."""

    total: Tensor
    foreseen: Tensor
    found: dict[str, Tensor]


def shown_loss(
    sought: list[Sought], heads: tuple[tuple[int, int], ...], shown: Tensor
) -> tuple[Tensor, Tensor]:
    """How little these heads attend to the positions shown (rows of Batch.shown), as mean -log, and the share
    of rows where more than half of the attention does (in the last of them)."""
    rows, positions, targets = shown[:, 0], shown[:, 1], shown[:, 2:]
    attended = torch.stack([sought[layer].attended(head, rows, positions, targets) for layer, head in heads])
    return -attended.mean(), (attended[-1].detach() > math.log(0.5)).float().mean()


def losses_of(model: Mind, batch: Tensors) -> Losses:
    ids, classes, shown = batch
    states, sought = model.states_and_sought(ids[:, :-1])
    targets, target_classes = ids[:, 1:], classes[:, 1:]
    learnt = target_classes > 0
    weights = torch.tensor(CLASS_WEIGHTS, device=ids.device)[target_classes[learnt].long()]
    weights = weights * (1 + FIRST_WORD_EXTRA * (ids[:, :-1][learnt] == SELF))
    logits = model.logits(states[learnt]).float()
    wanted = targets[learnt]
    losses = F.cross_entropy(logits, wanted, reduction="none")
    own = weights >= 1.0
    foreseen = (logits.argmax(-1) == wanted)[own].float().mean()
    total = (losses * weights).sum() / weights.sum()
    found = {}
    for kind, heads in model.shape.shown_heads.items():
        # The last token is nobody's past.
        rows = shown[kind][shown[kind][:, 1] < ids.shape[1] - 1]
        if len(rows):
            loss, found[kind] = shown_loss(sought, heads, rows)
            total = total + SHOWN_WEIGHTS[kind] * loss
    return Losses(total, foreseen.detach(), found)


def to_device(batch: Batch, device: torch.device) -> Tensors:
    shown = {
        kind: torch.from_numpy(rows).to(device, non_blocking=True).long()
        for kind, rows in batch.shown.items()
    }
    ids = torch.from_numpy(batch.ids).to(device, non_blocking=True).long()
    return Tensors(ids, torch.from_numpy(batch.classes).to(device, non_blocking=True), shown)


@torch.no_grad()
def examine(model: Mind, exam: list[tuple[Split, Play]], device: torch.device) -> list[Mark]:
    """Greedy answers, exactly right or not. (An answer is the greedy one when each of its tokens is.)"""
    pages = [(split, play.newest.skill, *render_exam(play)) for split, play in exam]
    pages.sort(key=lambda page: len(page[2].ids))
    marks: list[Mark] = []
    for first in range(0, len(pages), 16):
        chunk = pages[first : first + 16]
        ids = to_device(as_batch([page for _, _, page, _ in chunk]), device).ids
        with autocast(device):
            states = model.states(ids)
            for row, (split, skill, page, start) in enumerate(chunk):
                wanted = ids[row, start : len(page.ids)]
                guesses = model.logits(states[row, start - 1 : len(page.ids) - 1]).argmax(-1)
                marks.append(Mark(skill, split, bool((guesses == wanted).all())))
    return marks


def render_exam(play: Play) -> tuple[Page, int]:
    """The whole page, and where its last answer starts."""
    return render(play), len(render(play, with_reply=False).ids)


def optimizers_of(model: Mind, preset: Preset) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices (it learns from about half the tokens), AdamW, more slowly, for the
    embedding and the norms: fast steps there would wipe out the planted copying."""
    matrices = [p for p in model.layers.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    rate = preset.learning_rate
    muon = Muon(matrices, lr=rate, weight_decay=0.05)
    adam = torch.optim.AdamW(others, lr=0.3 * rate, betas=(0.9, 0.95), weight_decay=0.01)
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["highest_lr"] = group["lr"]
    return [muon, adam]


class Run:
    """One training run in its folder: the model, the optimizer and how far they are."""

    def __init__(self, name: str, preset: Preset, seed: int, device: torch.device, runs: Path = RUNS) -> None:
        torch.manual_seed(seed)
        self.preset, self.seed, self.device = preset, seed, device
        self.folder = runs / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model = Mind(preset.shape).to(device)
        self.optimizers = optimizers_of(self.model, preset)
        self.step = 0
        self.num_tokens = 0
        self.train_s = 0.0

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "counters": (self.step, self.num_tokens, self.train_s),
        }
        torch.save(state, self.checkpoint.with_suffix(".tmp"))
        self.checkpoint.with_suffix(".tmp").replace(self.checkpoint)
        weights = {name: value.half().cpu() for name, value in self.model.state_dict().items()}
        torch.save({"shape": asdict(self.preset.shape), "weights": weights}, self.folder / "weights.pt")

    def load(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.num_tokens, self.train_s = state["counters"]

    def one_step(self, batch: Batch) -> Losses:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = group["highest_lr"] * learning_rate(self.step, self.preset)
        with autocast(self.device):
            losses = losses_of(self.model, to_device(batch, self.device))
        losses.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.num_tokens += batch.ids.size
        return losses

    def train(self, max_s: float = math.inf, log_every: int = 25) -> None:
        exam = draw_exam(self.preset.exam_per_skill, seed=PRACTICE_SEED)
        started, spent = time.monotonic(), self.train_s
        for batch in batches(self.seed, self.preset.diet, self.preset.num_steps, self.step):
            losses = self.one_step(batch)
            self.train_s = spent + time.monotonic() - started
            if self.step % log_every == 0:
                self.log(
                    {
                        "loss": round(losses.total.item(), 4),
                        "foreseen": round(losses.foreseen.item(), 3),
                        "found": {kind: round(value.item(), 3) for kind, value in losses.found.items()},
                    }
                )
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
    parser.add_argument("--start", type=Path, help="a mind.gguf whose weights to start from")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--steps", type=int, default=0, help="instead of the preset's; may change on --resume"
    )
    parser.add_argument("--learning-rate", type=float, default=0.0, help="instead of the preset's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-minutes", type=float, default=1e9)
    args = parser.parse_args()
    device = torch.device(args.device)
    if device.type == "cpu":
        torch.set_num_threads(args.threads)
    preset = PRESETS[args.preset]
    preset = replace(
        preset,
        num_steps=args.steps or preset.num_steps,
        learning_rate=args.learning_rate or preset.learning_rate,
    )
    if args.start:
        # It can copy already.
        preset = replace(preset, diet=replace(preset.diet, easy_until=0.0))
    run = Run(args.name or f"mind-{args.preset}", preset, args.seed, device)
    if args.resume:
        run.load()
    elif args.start:
        run.model.load_state_dict(read_gguf(args.start).state_dict())
    num_parameters = sum(p.numel() for p in run.model.parameters())
    print(f"{num_parameters / 1e6:.2f} M parameters on {device}", flush=True)
    try:
        run.train(args.max_minutes * 60)
    except KeyboardInterrupt:
        run.save()
        print(f"stopped at step {run.step}; go on with --resume", file=sys.stderr)


if __name__ == "__main__":
    main()
