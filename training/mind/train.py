"""Trains nano's mind: `python -m training.mind.train [--preset text|omni|smoke] [--resume]`.

"text" from nothing, then "omni" with --start: that one hears (of `python -m training.mind.heard`) and speaks.
Writes checkpoints and weights under training/runs/ (not in git). Runs on CPU cores (--threads) or on one GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch.nn.utils import parametrize

from training.autocast import autocast
from training.mind import codes, heard, pictures
from training.mind.batches import Diet, Step, steps
from training.mind.exam import PRACTICE_SEED, SEEN_SKILLS, as_text, draw_exam, table
from training.mind.losses import SPEECH_WEIGHT, Banks, Losses, examine, losses_of, to_device, with_own_codes
from training.mind.mind_file import load_senses, read_gguf
from training.mind.model import Mind, Senses, Shape
from training.mind.vocabulary import SIZE
from training.muon import Muon

RUNS = Path(__file__).parents[1] / "runs"
# Of the run; before, what the mind itself would say is noise.
OWN_CODES_FROM = 0.4


@dataclass(frozen=True)
class Preset:
    shape: Shape
    diet: Diet
    num_steps: int
    learning_rate: float
    warmup_steps: int
    exam_every: int
    exam_per_skill: int = 12
    # Of the embedding, as a share: fast steps would wipe out the planted copying, codes need them.
    embedding_rate: float = 0.3


PRESETS = {
    # First in text only: 100 minutes on two cores with AVX2.
    "text": Preset(Shape(SIZE), Diet(), 6_000, 2e-3, 50, 400, 5),
    # Then with --start, and more to think with: it goes on reading, hears, and learns to speak.
    "omni": Preset(
        Shape(SIZE, hidden=640),
        Diet(
            easy_until=0.0,
            speech_tokens_per_batch=3_072,
            spoken_share=0.25,
            heard_share=0.45,
            pictures_share=0.4,
            mumbled_share=0.02,
        ),
        6_000, 1e-3, 50, 400, 5, 1.0,
    ),
    "smoke": Preset(
        Shape(SIZE, width=64, num_layers=2, num_heads=4, head_width=16, hidden=128),
        Diet(
            tokens_per_batch=1_024,
            tokens_per_easy_batch=1_024,
            speech_tokens_per_batch=512,
            pool_batches=4,
            max_tokens=512,
        ),
        30, 3e-3, 5, 30, 1, 1.0,
    ),
}  # fmt: skip


def learning_rate(step: int, preset: Preset) -> float:
    """As a share of the highest: up a line, level for 45 % of the run, then down a line to a fiftieth."""
    if step < preset.warmup_steps:
        return (step + 1) / preset.warmup_steps
    level_until = 0.45 * preset.num_steps
    done = max(0.0, step - level_until) / (preset.num_steps - level_until)
    return 1 - 0.98 * done


def optimizers_of(model: Mind, senses: Senses, preset: Preset) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices (it learns from about half the tokens), AdamW for all else."""
    matrices = [p for p in model.layers.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    rate = preset.learning_rate
    muon = Muon(matrices, lr=rate, weight_decay=0.05)
    adam = torch.optim.AdamW(
        [*others, *senses.parameters()], lr=preset.embedding_rate * rate, betas=(0.9, 0.95), weight_decay=0.01
    )
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["highest_lr"] = group["lr"]
    return [muon, adam]


class Run:
    """One training run in its folder: the model, the optimizer, how far they are."""

    def __init__(
        self,
        name: str,
        preset: Preset,
        seed: int,
        device: torch.device,
        runs: Path = RUNS,
        banks: Banks | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.preset, self.seed, self.device = preset, seed, device
        self.folder = runs / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model = codes.share_levels(Mind(preset.shape)).to(device)
        self.senses = Senses(preset.shape.width).to(device)
        self.banks = banks
        self.optimizers = optimizers_of(self.model, self.senses, preset)
        self.step = 0
        self.num_tokens = 0
        self.train_s = 0.0

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def start_from(self, gguf: Path) -> None:
        """That mind, grown to this one's shape, and what makes its embeddings of the eye's, if it saw."""
        codes.start_from(self.model, read_gguf(gguf).grown(self.preset.shape))
        if gguf.with_name("senses.npz").is_file():
            self.senses.load_state_dict(load_senses(gguf.with_name("senses.npz")).state_dict())

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "senses": self.senses.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "counters": (self.step, self.num_tokens, self.train_s),
        }
        torch.save(state, self.checkpoint.with_suffix(".tmp"))
        self.checkpoint.with_suffix(".tmp").replace(self.checkpoint)
        kept: dict[str, object] = {"shape": asdict(self.preset.shape)}
        for name, module in (("weights", codes.plain(self.model)), ("senses", self.senses)):
            kept[name] = {key: value.half().cpu() for key, value in module.state_dict().items()}
        torch.save(kept, self.folder / "weights.pt")

    def load(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.senses.load_state_dict(state["senses"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.num_tokens, self.train_s = state["counters"]

    def one_step(self, step: Step) -> list[Losses]:
        """Of each batch of the step."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = group["highest_lr"] * learning_rate(self.step, self.preset)
        found = []
        for i, batch in enumerate(step):
            with autocast(self.device), parametrize.cached():
                seed = 2 * self.step + i
                put = to_device(batch, self.device, self.banks, seed)
                if i and self.step >= OWN_CODES_FROM * self.preset.num_steps:
                    put = with_own_codes(self.model, self.senses, put, seed)
                losses = losses_of(self.model, self.senses, put)
            (losses.total * (SPEECH_WEIGHT if i else 1.0)).backward()  # type: ignore[no-untyped-call]
            found.append(losses)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.num_tokens += sum(batch.ids.size for batch in step)
        return found

    def train(self, max_s: float = math.inf, log_every: int = 25, processes: int = 1) -> None:
        started, spent = time.monotonic(), self.train_s
        for step in steps(self.seed, self.preset.diet, self.preset.num_steps, self.step, processes):
            losses = self.one_step(step)
            self.train_s = spent + time.monotonic() - started
            if self.step % log_every == 0:
                self.log(
                    {
                        "loss": [round(one.total.item(), 4) for one in losses],
                        "foreseen": [round(one.foreseen.item(), 3) for one in losses],
                        "found": {kind: round(value.item(), 3) for kind, value in losses[0].found.items()},
                    }
                )
            last = self.step >= self.preset.num_steps or time.monotonic() - started > max_s
            if last or self.step % self.preset.exam_every == 0:
                self.save()
                self._examine()
            if last:
                return

    def _examine(self) -> None:
        """By text and, where there are banks, by ear, and of pictures."""
        per_skill = self.preset.exam_per_skill
        told = draw_exam(per_skill, seed=PRACTICE_SEED)
        exams = {"exam": (told, False)}
        if self.banks:
            shown = draw_exam(
                4 * per_skill, skills=SEEN_SKILLS, seed=PRACTICE_SEED, pictures=self.banks.pictures
            )
            exams |= {"exam_by_ear": (told, True), "exam_of_pictures": (shown, False)}
        for name, (exam, by_ear) in exams.items():
            marks = examine(self.model, self.senses, exam, self.device, self.banks, heard=by_ear)
            shares = table(marks)
            self.log({name: {k: {s: round(v, 3) for s, v in row.items()} for k, row in shares.items()}})
            print(as_text(shares), file=sys.stderr, flush=True)

    def log(self, entry: dict[str, object]) -> None:
        entry = {"step": self.step, "tokens": self.num_tokens, "train_s": round(self.train_s, 1), **entry}
        line = json.dumps(entry)
        with (self.folder / "log.jsonl").open("a") as f:
            f.write(line + "\n")
        if "loss" in entry:
            print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="text")
    parser.add_argument("--name", default="", help="folder under training/runs (default: mind-PRESET)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start", type=Path, help="a mind.gguf to start from (and senses.npz beside it)")
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
    senses = preset.diet.heard_share or preset.diet.pictures_share
    banks = Banks(heard.load_bank(), pictures.load_bank()) if senses else None
    run = Run(args.name or f"mind-{args.preset}", preset, args.seed, device, banks=banks)
    if args.resume:
        run.load()
    elif args.start:
        run.start_from(args.start)
    num_parameters = sum(p.numel() for p in run.model.parameters())
    print(f"{num_parameters / 1e6:.2f} M parameters on {device}", flush=True)
    # A job in the background does not hear Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run.train(args.max_minutes * 60, processes=args.threads)
    except KeyboardInterrupt:
        run.save()
        print(f"stopped at step {run.step}; go on with --resume", file=sys.stderr)


if __name__ == "__main__":
    main()
