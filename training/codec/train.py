"""Trains nano's codec: `python -m training.codec.train [--preset full|smoke] [--max-minutes M] [--resume]`.

Encoder, quantiser and decoder together, by the spectra to expect and the true pitch. A head that must name
the phoneme behind each code, dropped afterwards, makes the 500 bits of a second go to what was said first.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sensorium.tuning.analysis import log_mel
from sensorium.tuning.codec_encoder import Encoder
from training.codec.data import Batch, Stream
from training.codec.losses import losses, total
from training.codec.model import Decoder, quantize, zero_state
from training.ear.data import find_phonemes
from training.ear.voices import ACCENTS
from training.world import SALAD_WORDS

RUNS = Path(__file__).parents[1] / "runs" / "codec"


@dataclass(frozen=True)
class Plan:
    """One run. The rate falls with the steps done or, where that is further, with the minutes gone."""

    steps: int
    max_minutes: float = math.inf
    batch_size: int = 4  # pieces of 1.92 s
    peak_lr: float = 2e-3
    warmup_steps: int = 100
    average_decay: float = 0.998
    phoneme_words: int = len(SALAD_WORDS)  # from which the phonemes are learnt
    seed: int = 20_263
    save_every: int = 500


PRESETS = {
    "full": Plan(steps=14_000),
    "smoke": Plan(steps=6, batch_size=2, warmup_steps=2, phoneme_words=20),
}


class Codec(nn.Module):
    def __init__(self, num_phonemes: int) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.phonemes = nn.Linear(self.decoder.into.out_features, num_phonemes)


@dataclass
class Run:
    """Everything that a checkpoint holds."""

    phonemes: tuple[str, ...]
    codec: Codec
    average: Codec
    optimizer: torch.optim.Optimizer
    step: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0


def start(plan: Plan) -> Run:
    torch.manual_seed(plan.seed)
    stride = max(1, len(SALAD_WORDS) // plan.phoneme_words)
    return _build(find_phonemes(SALAD_WORDS[::stride], ACCENTS), plan)


def train(plan: Plan, folder: Path, *, resume: bool, stop_at: int | None = None) -> Run:
    """Runs to the end of `plan` (or `stop_at`), writing `log.jsonl` and checkpoints into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    run = load(folder / "last.pt", plan) if resume else start(plan)
    began -= run.wall_s
    stream = Stream(run.phonemes, plan.seed + run.step, plan.batch_size)
    num_parameters = sum(p.numel() for p in run.codec.parameters())
    print(f"{num_parameters:,} parameters, {len(run.phonemes)} phonemes, from step {run.step}", flush=True)
    sums: dict[str, float] = {}
    try:
        with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
            while run.step < (stop_at or plan.steps) and run.wall_s < 60.0 * plan.max_minutes:
                for name, value in _step(run, plan, stream.next()).items():
                    sums[name] = sums.get(name, 0.0) + value
                run.wall_s = time.monotonic() - began
                if run.step % 50 == 0:
                    _report(log, run, {name: value / 50 for name, value in sums.items()})
                    sums = {}
                if run.step % plan.save_every == 0:
                    save(folder / "last.pt", run, plan)
        save(folder / "last.pt", run, plan)
    finally:
        stream.close()
    return run


def learning_rate(plan: Plan, step: int, wall_s: float) -> float:
    """A short rise, then a cosine to a hundredth."""
    if step < plan.warmup_steps:
        return plan.peak_lr * (step + 1) / plan.warmup_steps
    done = max(
        (step - plan.warmup_steps) / max(1, plan.steps - plan.warmup_steps), wall_s / 60.0 / plan.max_minutes
    )
    return plan.peak_lr * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done))))


def save(path: Path, run: Run, plan: Plan) -> None:
    state: dict[str, Any] = {
        "phonemes": run.phonemes,
        "codec": run.codec.state_dict(),
        "average": run.average.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "step": run.step,
        "audio_s": run.audio_s,
        "wall_s": run.wall_s,
        "plan": vars(plan),
    }
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load(path: Path, plan: Plan) -> Run:
    state = torch.load(path, weights_only=True, map_location=_device())
    run = _build(tuple(state["phonemes"]), plan)
    run.codec.load_state_dict(state["codec"])
    run.average.load_state_dict(state["average"])
    run.optimizer.load_state_dict(state["optimizer"])
    return replace(run, step=state["step"], audio_s=state["audio_s"], wall_s=state["wall_s"])


def _build(phonemes: tuple[str, ...], plan: Plan) -> Run:
    codec, average = (Codec(len(phonemes)).to(_device()) for _ in range(2))
    average.load_state_dict(codec.state_dict())
    optimizer = torch.optim.AdamW(
        codec.parameters(), lr=plan.peak_lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    return Run(phonemes, codec, average, optimizer)


def _step(run: Run, plan: Plan, made: Batch) -> dict[str, float]:
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(plan, run.step, run.wall_s)
    parts = forward(run.codec, made)
    run.optimizer.zero_grad(set_to_none=True)
    total(parts).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.codec.parameters(), 1.0)
    run.optimizer.step()
    run.step += 1
    run.audio_s += made.f0_hz.size / 100.0
    with torch.no_grad():
        weight = 1.0 - min(plan.average_decay, run.step / (run.step + 10))
        torch._foreach_lerp_(list(run.average.parameters()), list(run.codec.parameters()), weight)
    return {name: float(value.detach()) for name, value in parts.items()}


def forward(codec: Codec, made: Batch) -> dict[str, Tensor]:
    """The parts of the loss of one batch."""
    device = codec.phonemes.weight.device
    batch = {name: torch.from_numpy(value).to(device) for name, value in made._asdict().items()}
    with torch.no_grad():
        mel = log_mel(batch["samples"])
    levels = quantize(codec.encoder(mel, batch["f0_hz"], batch["voiced"]))
    ended = torch.cat([levels, torch.zeros_like(levels[:, :1])], 1)
    voice, hidden, _ = codec.decoder(ended, [past.to(device) for past in zero_state(len(levels))])
    return losses(voice, codec.phonemes(hidden), **batch)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _report(log: Any, run: Run, parts: dict[str, float]) -> None:
    row = {"step": run.step, **{name: round(value, 4) for name, value in parts.items()}}
    row |= {"hours_heard": round(run.audio_s / 3600, 2), "wall_s": round(run.wall_s)}
    print(json.dumps(row), file=log, flush=True)
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="full")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--steps", type=int, help="another length than the preset's")
    parser.add_argument("--peak-lr", type=float, help="another height of the rate than the preset's")
    parser.add_argument(
        "--max-minutes", type=float, default=math.inf, help="of wall time, all resumed runs together"
    )
    parser.add_argument("--folder", type=Path, default=RUNS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan = replace(PRESETS[arguments.preset], max_minutes=arguments.max_minutes)
    if arguments.steps:
        plan = replace(plan, steps=arguments.steps)
    if arguments.peak_lr:
        plan = replace(plan, peak_lr=arguments.peak_lr)
    train(plan, arguments.folder, resume=arguments.resume)


if __name__ == "__main__":
    main()
