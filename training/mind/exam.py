"""The examination: fixed plays by skill and split, and how answers to them are marked.

Knows nothing of models: whoever answers is handed tokens and hands back tokens or a verdict.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from training.mind.pictures import PictureBank
from training.mind.play import Play, draw_play
from training.world import SPLITS, Split

SKILLS = (
    "own_fact", "own_yes_no", "own_unknown", "name", "tell", "recall_mine", "recall_changed", "recall_theirs",
    "recall_unknown", "memory", "time", "presence", "sight", "colour", "sums", "manners", "repeat", "said",
    "comings", "beyond", "silence",
)  # fmt: skip
# Learnt last, and not in "all", so that it can be compared with earlier minds.
LATER_SKILLS = ("spell", "backchannel", "interrupted", "called")
# Of these, pictures can be the subject.
SEEN_SKILLS = ("sight", "colour")
TARGETS: dict[Split, float] = {"train": 0.97, "fillers": 0.97, "phrasings": 0.85}
# Far from any seed of training. The first is looked at while a diet is being made; the last judges.
PRACTICE_SEED = 7_000_000
EXAM_SEED = 8_000_000


@dataclass(frozen=True)
class Mark:
    skill: str
    split: Split
    right: bool


def draw_exam(
    per_skill: int,
    *,
    splits: tuple[Split, ...] = SPLITS,
    skills: tuple[str, ...] = (*SKILLS, *LATER_SKILLS),
    seed: int = EXAM_SEED,
    pictures: PictureBank | None = None,
) -> list[tuple[Split, Play]]:
    """`per_skill` plays of each skill in each split; the same ones for the same arguments. With `pictures`
    each has one of them in view."""
    plays = []
    for split in splits:
        for skill in skills:
            rng = random.Random(f"{seed}/{split}/{skill}")
            plays += [(split, _timed(rng, split, skill, pictures)) for _ in range(per_skill)]
    return plays


def _timed(rng: random.Random, split: Split, skill: str, pictures: PictureBank | None) -> Play:
    """The house always gives the time, so an examination without it would ask for what never happens."""
    while True:
        play = draw_play(rng, split, max_lines=24, skill=skill, pictures=pictures)
        if play.moment.clock and (pictures is None or play.moment.picture):
            return play


def share(marks: Iterable[bool]) -> float:
    """How many of them are true; 0 of none."""
    kept = list(marks)
    return sum(kept) / len(kept) if kept else 0.0


def table(marks: list[Mark]) -> dict[str, dict[str, float]]:
    """Share of right answers: skill -> split -> share; "all" is over `SKILLS`."""
    shares: dict[str, dict[str, float]] = {}
    for skill in (*SKILLS, "all", *LATER_SKILLS):
        counted = SKILLS if skill == "all" else (skill,)
        for split in SPLITS:
            some = [m.right for m in marks if m.split == split and m.skill in counted]
            if some:
                shares.setdefault(skill, {})[split] = sum(some) / len(some)
    return shares


def as_text(shares: dict[str, dict[str, float]]) -> str:
    lines = [f"{'skill':<16}" + "".join(f"{split:>11}" for split in SPLITS)]
    for skill, by_split in shares.items():
        row = "".join(f"{100 * by_split[s]:>10.1f}%" if s in by_split else f"{'':>11}" for s in SPLITS)
        lines.append(f"{skill:<16}{row}")
    return "\n".join(lines)
