"""Measures what is shipped: `python -m training.evaluate [--only PART] [--json]`.

The mind answers through the house's scheduler and llama.cpp: to text ("mind"), to voices and of pictures
("senses"), and aloud ("speech"). The ear, the codec and the eye run in ONNX Runtime. Prints tables for
people; with --json the last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path
from typing import Any

from training.mind.answer import Answerer
from training.mind.exam import EXAM_SEED, PRACTICE_SEED, TARGETS, Mark, as_text, draw_exam, table
from training.mind.view import BUNDLE

# Programs with tables of their own.
PARTS = {
    "senses": "training.mind.sense_exam",
    "speech": "training.mind.speech_exam",
    "voices": "training.mind.voice_exam",
    "whole": "training.mind.whole_exam",
    "room": "training.mind.room_exam",
    "next": "training.mind.next_exam",
    "ear": "training.ear.evaluate",
    "codec": "training.codec.evaluate",
    "eye": "training.eye.evaluate",
}


def evaluate_mind(gguf: Path, per_skill: int, show_wrong: int, seed: int) -> dict[str, Any]:
    """Exact answers by skill and split. `show_wrong` prints so many wrong ones of each skill and split."""
    answerer = Answerer(gguf)
    marks: list[Mark] = []
    shown: dict[tuple[str, str], int] = {}
    started = time.monotonic()
    for split, play in draw_exam(per_skill, seed=seed):
        newest = play.newest
        said = answerer.reply_to(play)
        marks.append(Mark(newest.skill, split, said == newest.reply))
        if said != newest.reply and shown.get((newest.skill, split), 0) < show_wrong:
            shown[newest.skill, split] = shown.get((newest.skill, split), 0) + 1
            print(
                f"{newest.skill}/{split}: {newest.speaker}: {newest.text!r} -> {said!r}, not {newest.reply!r}"
            )
    shares = table(marks)
    print(as_text(shares))
    missed = [
        f"{split} {100 * shares['all'][split]:.1f} %" for split in TARGETS if not _reached(shares, split)
    ]
    print(
        f"{len(marks)} answers in {time.monotonic() - started:.0f} s; "
        f"missed: {', '.join(missed) or 'nothing'}"
    )
    return {"answers": len(marks), "shares": shares, "targets": TARGETS, "reached": not missed}


def _reached(shares: dict[str, dict[str, float]], split: Any) -> bool:
    return shares["all"][split] >= TARGETS[split]


def evaluate_part(module: str) -> list[dict[str, Any]]:
    """The rows of its own table."""
    found: list[dict[str, Any]] = importlib.import_module(module).rows()
    for row in found:
        print(row)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("mind", *PARTS), default=None)
    parser.add_argument("--mind", type=Path, default=BUNDLE / "mind.gguf")
    parser.add_argument("--per-skill", type=int, default=70, help="answers for each skill in each split")
    parser.add_argument(
        "--practice", action="store_true", help="put the practice plays, whose wrong answers may be read"
    )
    parser.add_argument("--show-wrong", type=int, default=0, help="wrong answers to print of each kind")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results: dict[str, Any] = {}
    if args.only in (None, "mind"):
        results["mind"] = evaluate_mind(
            args.mind, args.per_skill, args.show_wrong, PRACTICE_SEED if args.practice else EXAM_SEED
        )
    for name, module in PARTS.items():
        if args.only in (None, name):
            results[name] = evaluate_part(module)
    if args.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
