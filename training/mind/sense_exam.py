"""The mind's examination by text, by voice and of pictures, through the house's own scheduler and llama.cpp.

The same plays are put three ways, so that what hearing costs can be seen; pictures are fresh ones. Knows
nothing of torch models.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.hearing.encoder import EarModel
from training.ear.data import utter
from training.ear.noise import add_at_snr, coloured
from training.ear.voices import base_style, held_out_style
from training.espeak import Style
from training.mind import pictures
from training.mind.answer import Answerer
from training.mind.exam import EXAM_SEED, SEEN_SKILLS, SKILLS, draw_exam
from training.mind.heard import listen
from training.mind.play import Play
from training.world import VOCABULARY, Split

_PICTURES_SEED = 8_200_000


class Way(NamedTuple):
    """How the newest message comes. `bars`: least share of right answers, by split."""

    name: str
    style: Callable[[random.Random], Style] | None
    snr_db: float | None
    bars: dict[Split, float]


BY_VOICE = Way("by voice", base_style, None, {"fillers": 0.95, "phrasings": 0.85})
WAYS = (
    Way("by text", None, None, {"train": 0.98}),
    BY_VOICE,
    Way("by voice, voices never trained", held_out_style, None, {}),
    Way("by voice, white noise 15 dB", base_style, 15.0, {"fillers": 0.90}),
)


class Examiner:
    """`speaks`: the mind's file has speech codes."""

    def __init__(self, gguf: Path, senses: Path, *, speaks: bool = False) -> None:
        self.answerer = Answerer(gguf, speaks=speaks)
        self._ear = EarModel.load(find("nano").file("ear"))
        with np.load(senses) as kept:
            self._senses = {name: kept[name].astype(np.float32) for name in kept.files}
        self._noise = np.random.default_rng(EXAM_SEED)

    @property
    def sees(self) -> bool:
        return "eye_weight" in self._senses

    def right(self, play: Play, way: Way, rng: random.Random) -> bool:
        return self.answerer.reply_to(play, heard=self.hear(play, way, rng)) == play.newest.reply

    def right_of_picture(self, play: Play, bank: pictures.PictureBank) -> bool:
        assert play.moment.picture is not None
        embeddings = bank.embeddings[play.moment.picture.which, : 1 + len(play.moment.sights)]
        seen = embeddings.astype(np.float32) @ self._senses["eye_weight"].T + self._senses["eye_bias"]
        return self.answerer.reply_to(play, seen=seen) == play.newest.reply

    def close(self) -> None:
        self.answerer.close()

    def hear(self, play: Play, way: Way, rng: random.Random) -> NDArray[np.float32] | None:
        """The newest message as rows, spoken and heard that way; None by text."""
        if way.style is None:
            return None
        samples = utter(rng, play.newest.text.split(), way.style(rng), {}).samples
        if way.snr_db is not None:
            samples = add_at_snr(samples, coloured(self._noise, len(samples), 0.0), way.snr_db)
        shares = [word.shares for word in listen(self._ear, samples)]
        rows = np.array(shares, np.float32).reshape(len(shares), -1) @ self._senses["ear_weight"].T
        return np.asarray(rows, np.float32)


def can_be_heard(play: Play) -> bool:
    """By an ear: a person says it, in words that ears are taught."""
    return play.newest.kind == "person" and all(w in VOCABULARY for w in play.newest.text.split())


def rows(
    per_skill: int = 10, gguf: Path | None = None, senses: Path | None = None, seed: int = EXAM_SEED
) -> list[dict[str, Any]]:
    examiner = Examiner(gguf or find("nano").file("mind"), senses or find("nano").file("senses"))
    plays = [
        (split, play) for split, play in draw_exam(per_skill, skills=SKILLS, seed=seed) if can_be_heard(play)
    ]
    table = []
    try:
        for way in WAYS:
            rng = random.Random(f"{seed}/{way.name}")
            marks = [(split, examiner.right(play, way, rng)) for split, play in plays]
            table.append(_row(way.name, marks, way.bars))
        if examiner.sees:
            bank = pictures.collect(_PICTURES_SEED, 400)
            exam = draw_exam(5 * per_skill, skills=SEEN_SKILLS, seed=seed, pictures=bank)
            seen = [(split, examiner.right_of_picture(play, bank)) for split, play in exam]
            table.append(_row("of pictures", seen, {}))
    finally:
        examiner.close()
    return table


def _row(name: str, marks: list[tuple[Split, bool]], bars: dict[Split, float]) -> dict[str, Any]:
    shares: dict[str, float] = {}
    for split in dict.fromkeys(split for split, _ in marks):
        some = [right for of, right in marks if of == split]
        shares[split] = sum(some) / len(some)
    met = all(shares[split] >= bar for split, bar in bars.items()) if bars else None
    return {"part": "mind", "skill": name, "answers": len(marks), **shares, "bars": bars, "met": met}
