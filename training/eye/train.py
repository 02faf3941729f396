"""Trains nano's eye: `python -m training.eye.train [--preset full|smoke] [--resume] [--max-minutes M]`.

Heat of centres, and, read from the embedding at each true centre: look, colour and place; from the whole
picture's embedding the count. A child process draws. The learning rate falls to its floor at the end of the
steps or of the minutes, whichever comes first.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from training.eye.data import Batch, batches
from training.eye.model import CELLS, Eye, Readout, Seen
from training.eye.scenes import COLOURS, LOOKS
from training.muon import Muon

RUNS = Path(__file__).parents[1] / "runs" / "eye"


@dataclass(frozen=True)
class Plan:
    """One run, repeatable from these numbers when time does not end it."""

    steps: int
    batch_size: int = 32
    peak_lr: float = 6e-3
    warmup_steps: int = 200
    average_decay: float = 0.998
    seed: int = 20_263
    report_every: int = 100
    look_every: int = 1000
    save_every_s: float = 60.0
    max_minutes: float = math.inf


PRESETS = {
    "full": Plan(steps=10_000),
    "smoke": Plan(steps=4, batch_size=4, warmup_steps=2, report_every=2, look_every=4),
}


@dataclass
class Run:
    """Everything that a checkpoint holds."""

    eye: Eye
    average: Eye
    optimizers: list[torch.optim.Optimizer]
    step: int = 0
    num_pictures: int = 0
    wall_s: float = 0.0


class Pictures(IterableDataset[Batch]):
    """`batches` for a child process."""

    def __init__(self, seed: int, batch_size: int) -> None:
        self._seed, self._batch_size = seed, batch_size

    def __iter__(self) -> Iterator[Batch]:
        return batches(self._seed, self._batch_size)


def build() -> Eye:
    return Eye(len(LOOKS), len(COLOURS))


def start(plan: Plan) -> Run:
    torch.manual_seed(plan.seed)
    eye, average = build(), build()
    average.load_state_dict(eye.state_dict())
    return Run(eye, average.eval(), _optimizers(eye, plan))


def losses(seen: Seen, read: Readout, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Means over pictures (heat, count) or things (look, colour, place)."""
    heat = functional.binary_cross_entropy_with_logits(seen.heat, batch["heat"], reduction="sum")
    return {
        "heat": heat / len(seen.heat),
        "count": functional.cross_entropy(seen.num_things, batch["num_things"]),
        "look": functional.cross_entropy(read.look, batch["looks"]),
        "colour": functional.cross_entropy(read.colour, batch["colours"]),
        "place": functional.smooth_l1_loss(read.place, batch["places"], beta=0.02),
    }


_WEIGHTS = {"heat": 0.2, "count": 0.2, "look": 1.0, "colour": 0.6, "place": 10.0}


def train(plan: Plan, folder: Path, *, resume: bool, stop_at: int | None = None) -> Run:
    """Runs to the end of `plan` (or `stop_at`), writing `log.jsonl` and checkpoints into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    run = load(folder / "last.pt", plan) if resume else start(plan)
    print(f"{sum(p.numel() for p in run.eye.parameters()):,} parameters, from step {run.step}", flush=True)
    pictures = Pictures(plan.seed + run.step, plan.batch_size)
    drawn = iter(DataLoader(pictures, batch_size=None, num_workers=1, prefetch_factor=8))
    sums: dict[str, float] = {}
    since = saved = time.monotonic()
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        while run.step < (stop_at or plan.steps) and run.wall_s < 60 * plan.max_minutes:
            for name, value in _step(run, plan, next(drawn)).items():
                sums[name] = sums.get(name, 0.0) + value
            run.wall_s, since = run.wall_s + time.monotonic() - since, time.monotonic()
            if run.step % plan.report_every == 0:
                _report(log, run, {name: value / plan.report_every for name, value in sums.items()})
                sums = {}
            if since - saved > plan.save_every_s:
                save(folder / "last.pt", run, plan)
                saved = since
            if run.step % plan.look_every == 0:
                _look(log, run)
                since = time.monotonic()
    save(folder / "last.pt", run, plan)
    return run


def done(plan: Plan, step: int, wall_s: float) -> float:
    """0 at the start, 1 when steps or minutes are used up."""
    return min(1.0, max(step / plan.steps, wall_s / (60 * plan.max_minutes)))


def learning_rate(plan: Plan, step: int, wall_s: float) -> float:
    warm = min(1.0, (step + 1) / plan.warmup_steps)
    return plan.peak_lr * warm * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * done(plan, step, wall_s))))


def save(path: Path, run: Run, plan: Plan) -> None:
    state: dict[str, Any] = {
        "looks": [":".join(look).rstrip(":") for look in LOOKS],
        "colours": COLOURS,
        "eye": run.eye.state_dict(),
        "average": run.average.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in run.optimizers],
        "step": run.step,
        "num_pictures": run.num_pictures,
        "wall_s": run.wall_s,
        "plan": vars(plan),
    }
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load(path: Path, plan: Plan) -> Run:
    state = torch.load(path, weights_only=True)
    run = start(plan)
    run.eye.load_state_dict(state["eye"])
    run.average.load_state_dict(state["average"])
    for optimizer, kept in zip(run.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    run.step, run.num_pictures, run.wall_s = state["step"], state["num_pictures"], state["wall_s"]
    return run


def _step(run: Run, plan: Plan, made: Batch) -> dict[str, float]:
    for optimizer in run.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(plan, run.step, run.wall_s)
        optimizer.zero_grad(set_to_none=True)
    batch = {name: torch.as_tensor(value) for name, value in made._asdict().items()}
    run.eye.train()
    seen = run.eye(batch["pictures"])
    at_cells = seen.features.permute(0, 2, 3, 1).reshape(-1, seen.features.shape[1])[batch["cells"]]
    read = run.eye.read(run.eye.embed(at_cells, batch["cells"] % (CELLS * CELLS)))
    parts = losses(seen, read, batch)
    total = torch.stack([_WEIGHTS[name] * value for name, value in parts.items()]).sum()
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.eye.parameters(), 5.0)
    for optimizer in run.optimizers:
        optimizer.step()
    run.step += 1
    run.num_pictures += len(batch["pictures"])
    _average(run, plan)
    return {name: float(value.detach()) for name, value in parts.items()}


def _average(run: Run, plan: Plan) -> None:
    """Weights and the norms' statistics follow slowly; it is the average that ships."""
    weight = 1.0 - min(plan.average_decay, run.step / (run.step + 10))
    with torch.no_grad():
        for kept, new in zip(run.average.state_dict().values(), run.eye.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, weight)


def _optimizers(eye: Eye, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the convolutions but the first, AdamW for the rest; the same rate serves both."""
    matrices = [block.weight for block in eye.blocks()[1:]]
    others = [p for p in eye.parameters() if all(p is not matrix for matrix in matrices)]
    adam = torch.optim.AdamW(others, lr=plan.peak_lr, betas=(0.9, 0.98), weight_decay=0.01)
    return [Muon(matrices, lr=plan.peak_lr, weight_decay=0.02), adam]


def _report(log: TextIO, run: Run, parts: dict[str, float]) -> None:
    row = {"step": run.step, **{k: round(v, 4) for k, v in parts.items()}}
    row |= {"pictures": run.num_pictures, "wall_s": round(run.wall_s, 1)}
    print(json.dumps(row), file=log, flush=True)
    print(row, flush=True)


def _look(log: TextIO, run: Run) -> None:
    from training.eye.evaluate import quick_rows

    row: dict[str, Any] = {"step": run.step, "right": quick_rows(run.average)}
    print(json.dumps(row), file=log, flush=True)
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="full")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--steps", type=int, help="another length than the preset's")
    parser.add_argument("--max-minutes", type=float, help="an end by time, if the steps do not come first")
    parser.add_argument("--folder", type=Path, default=RUNS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    given = {"steps": arguments.steps, "max_minutes": arguments.max_minutes}
    plan = replace(PRESETS[arguments.preset], **{k: v for k, v in given.items() if v is not None})
    train(plan, arguments.folder, resume=arguments.resume)


if __name__ == "__main__":
    main()
