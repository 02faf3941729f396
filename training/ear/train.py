"""Trains nano's ear: `python -m training.ear.train [--preset full|judge|smoke] [--resume|--start FILE]`.

Word CTC and character CTC on the upper GRU, a phoneme per frame on the lower one. Exact times get the
CTC off its plateau: the phonemes', and each word's end, which also keeps its spike close to the word.
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
from torch import Tensor
from torch.nn import functional

from training.autocast import autocast
from training.ear.data import CHARACTERS, IGNORE, Batch, Lexicon, Stream, find_phonemes, world_sentence
from training.ear.ear_file import start_from
from training.ear.model import Ear, Heard, zero_state
from training.ear.voices import ACCENTS
from training.mind.mouth import asked_or_answered
from training.world import JUDGED_WORDS, SALAD_WORDS

RUNS = Path(__file__).parents[1] / "runs" / "ear"


@dataclass(frozen=True)
class Plan:
    """One run, repeatable from these numbers."""

    steps: int
    batch_size: int = 32
    peak_lr: float = 2e-3
    warmup_steps: int = 200
    clean_share: float = 0.05
    average_decay: float = 0.998
    seed: int = 20_261
    codec_share: float = 0.0
    evaluate_every: int = 500

    @property
    def judges(self) -> bool:
        return self.codec_share > 0.0


PRESETS = {
    "full": Plan(steps=10_000),
    # Who judges speech in measurements: never the ear that ships, used to the codec and to what personas say.
    "judge": Plan(steps=3_000, seed=970_000, codec_share=0.2),
    "smoke": Plan(steps=6, batch_size=4, warmup_steps=2, evaluate_every=1000),
}


@dataclass
class Run:
    """Everything that a checkpoint holds."""

    lexicon: Lexicon
    ear: Ear
    average: Ear
    optimizer: torch.optim.Optimizer
    step: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0


def start(plan: Plan) -> Run:
    torch.manual_seed(plan.seed)
    words = JUDGED_WORDS if plan.judges else SALAD_WORDS
    lexicon = Lexicon(words, find_phonemes(words, ACCENTS))
    ear, average = build(lexicon), build(lexicon)
    average.load_state_dict(ear.state_dict())
    return Run(lexicon, ear, average, _optimizer(ear, plan))


def build(lexicon: Lexicon) -> Ear:
    return Ear(len(lexicon.words), len(CHARACTERS), len(lexicon.phonemes))


def losses(heard: Heard, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Means over the batch: word CTC, character CTC, phoneme per frame, word at its own end."""
    words = heard.words.float().log_softmax(-1)
    chars = heard.chars.float().log_softmax(-1)
    at = batch["word_frames"]
    known = at != IGNORE
    rows = torch.arange(at.shape[0])[:, None].expand_as(at)
    return {
        "word": _ctc(words, batch["words"], batch["num_frames"], batch["num_words"]),
        "char": _ctc(chars, batch["chars"], batch["num_frames"], batch["num_chars"]),
        "phoneme": functional.cross_entropy(
            heard.phonemes.float().flatten(0, 1), batch["phonemes"].flatten(), ignore_index=IGNORE
        ),
        "spike": -words[rows[known], at[known], batch["words"][known]].mean(),
    }


def train(
    plan: Plan, folder: Path, *, resume: bool, stop_at: int | None = None, exported: Path | None = None
) -> Run:
    """Runs to the end of `plan` (or `stop_at`), writing `log.jsonl` and checkpoints into `folder`.

    Begins with the weights of an `exported` ear where one is given."""
    folder.mkdir(parents=True, exist_ok=True)
    run = load(folder / "last.pt", plan) if resume else start(plan)
    if exported and not resume:
        start_from(run.ear, run.lexicon, exported)
        run.average.load_state_dict(run.ear.state_dict())
    clean = max(0, round(plan.clean_share * plan.steps) - run.step)
    stream = Stream(
        run.lexicon,
        asked_or_answered if plan.judges else world_sentence,
        plan.seed + run.step,
        plan.batch_size,
        clean_batches=clean,
        codec_share=plan.codec_share,
    )
    log = (folder / "log.jsonl").open("a", encoding="utf-8")
    print(
        f"{sum(p.numel() for p in run.ear.parameters()):,} parameters, {len(run.lexicon.words)} words, ",
        end="",
    )
    print(f"{len(run.lexicon.phonemes)} phonemes, from step {run.step} to {plan.steps}", flush=True)
    sums: dict[str, float] = {}
    since = time.monotonic()
    try:
        while run.step < (stop_at or plan.steps):
            made = stream.next()
            for name, value in _step(run, plan, made).items():
                sums[name] = sums.get(name, 0.0) + value
            run.audio_s += float(made.num_frames.sum()) * 0.04
            if run.step % 50 == 0:
                run.wall_s += time.monotonic() - since
                since = time.monotonic()
                _report(log, run, {name: value / 50 for name, value in sums.items()})
                sums = {}
            if run.step % plan.evaluate_every == 0:
                save(folder / "last.pt", run, plan)
                _evaluate(log, run)
                since = time.monotonic()
        save(folder / "last.pt", run, plan)
    finally:
        stream.close()
        log.close()
    return run


def learning_rate(plan: Plan, step: int) -> float:
    if step < plan.warmup_steps:
        return plan.peak_lr * (step + 1) / plan.warmup_steps
    done = (step - plan.warmup_steps) / max(1, plan.steps - plan.warmup_steps)
    return plan.peak_lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def save(path: Path, run: Run, plan: Plan) -> None:
    state: dict[str, Any] = {
        "words": run.lexicon.words,
        "phonemes": run.lexicon.phonemes,
        "ear": run.ear.state_dict(),
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
    state = torch.load(path, weights_only=True)
    lexicon = Lexicon(tuple(state["words"]), tuple(state["phonemes"]))
    ear, average = build(lexicon), build(lexicon)
    ear.load_state_dict(state["ear"])
    average.load_state_dict(state["average"])
    optimizer = _optimizer(ear, plan)
    optimizer.load_state_dict(state["optimizer"])
    return Run(lexicon, ear, average, optimizer, state["step"], state["audio_s"], state["wall_s"])


def _step(run: Run, plan: Plan, made: Batch) -> dict[str, float]:
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(plan, run.step)
    batch = {name: torch.from_numpy(value) for name, value in made._asdict().items()}
    pcm = batch["samples"].float() / 32768.0
    with autocast(torch.device("cpu")):
        heard, _ = run.ear(pcm, zero_state(len(pcm)))
        parts = losses(heard, batch)
    done = run.step / plan.steps
    spike_weight = max(0.02, 1.0 - 5.0 * done)
    total = parts["word"] + 0.3 * parts["char"] + parts["phoneme"] + spike_weight * parts["spike"]
    run.optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.ear.parameters(), 1.0)
    run.optimizer.step()
    run.step += 1
    with torch.no_grad():
        weight = 1.0 - min(plan.average_decay, run.step / (run.step + 10))
        torch._foreach_lerp_(list(run.average.parameters()), list(run.ear.parameters()), weight)
    return {name: float(value.detach()) for name, value in parts.items()}


def _ctc(logs: Tensor, targets: Tensor, num_frames: Tensor, lengths: Tensor) -> Tensor:
    return functional.ctc_loss(logs.transpose(0, 1), targets, num_frames, lengths, zero_infinity=True)


def _optimizer(ear: Ear, plan: Plan) -> torch.optim.Optimizer:
    return torch.optim.AdamW(ear.parameters(), lr=plan.peak_lr, betas=(0.9, 0.98), weight_decay=0.01)


def _report(log: Any, run: Run, parts: dict[str, float]) -> None:
    row = {"step": run.step, **{k: round(v, 4) for k, v in parts.items()}}
    row |= {"hours_heard": round(run.audio_s / 3600, 2), "wall_s": round(run.wall_s)}
    print(json.dumps(row), file=log, flush=True)
    print(row, flush=True)


def _evaluate(log: Any, run: Run) -> None:
    from training.ear.evaluate import quick_rows

    row: dict[str, Any] = {"step": run.step, "wer": quick_rows(run.average, run.lexicon)}
    print(json.dumps(row), file=log, flush=True)
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="full")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument(
        "--start", type=Path, help="an exported ear to go on from, e.g. the bundle's ear.onnx"
    )
    parser.add_argument("--steps", type=int, help="another length than the preset's")
    parser.add_argument(
        "--seed", type=int, help="another than the preset's; with --start, or it hears the same"
    )
    parser.add_argument("--peak-lr", type=float, help="another than the preset's")
    parser.add_argument("--folder", type=Path, help="default: runs/ear, or runs/judge")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    given = {name: getattr(arguments, name) for name in ("steps", "seed", "peak_lr")}
    plan = replace(PRESETS[arguments.preset], **{name: value for name, value in given.items() if value})
    if arguments.start:
        plan = replace(plan, clean_share=0.0)
    default = RUNS.with_name("judge") if arguments.preset == "judge" else RUNS
    train(plan, arguments.folder or default, resume=arguments.resume, exported=arguments.start)


if __name__ == "__main__":
    main()
