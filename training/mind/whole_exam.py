# ruff: noqa: SIM905 (word lists read better as text)
"""End to end: a spoken question, the ear, the mind, its own speech through the codec, a judge who listens.

A question counts where the mind wrote the expected reply exactly and the judge heard it: strictly, all its
words and no others; in the facts, all words of it that matter (`facts_of`). Words that sound alike ("no" and
"know") count as the same. Knows nothing of torch models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.speech.codec import CodecModel, decode_whole
from sensorium.tuning import codec_encoder
from training.espeak import engine
from training.judge import judge, to_float
from training.mind.answer import Answer
from training.mind.exam import EXAM_SEED, SKILLS, draw_exam, share
from training.mind.mouth import BASE_STYLE
from training.mind.play import SILENCE, Newest, Play
from training.mind.sense_exam import BY_VOICE, Examiner, can_be_heard
from training.world import VOCABULARY, Split

BAR = 0.90
_SPLITS: tuple[Split, ...] = ("fillers", "phrasings")
# Whoever misses one of these has still heard the answer, unless saying words again was what was asked.
_GLUE = frozenset("a an am and are at called do here in is it of old the to".split())
_WORD_FOR_WORD = frozenset({"repeat", "said", "interrupted"})
# One of these too many, or too few, turns an answer round.
_TURNS = ("yes", "no", "not", "nothing", "minus")


class Outcome(NamedTuple):
    """One question. `written`: the text is right; `exact`, `facts`: and it was heard so; `ended`: the speech
    ended by itself. `ceiling_...`: the right reply was heard so from espeak-ng through the codec."""

    split: Split
    written: bool
    exact: bool
    facts: bool
    ended: bool
    ceiling_exact: bool
    ceiling_facts: bool


def plain(reply: str) -> list[str]:
    """The words of a reply that sound."""
    return [word for word in reply.split() if word != "."]


def facts_of(newest: Newest) -> list[str]:
    """The words of the reply that matter, in their order: all but glue, and all where it says words again."""
    copies = newest.copies if newest.skill in _WORD_FOR_WORD else ()
    copied = {word for copy in copies for word in copy.words.split()}
    return [word for word in plain(newest.reply) if word in copied or word not in _GLUE]


@cache
def sound_of(word: str) -> str:
    """Its phonemes: no ear can tell words apart that have the same."""
    return " ".join(mark.name for mark in engine().speak(word, BASE_STYLE).phonemes)


def by_sound(words: Sequence[str]) -> list[str]:
    return [sound_of(word) for word in words]


def facts_heard(newest: Newest, heard: Sequence[str]) -> bool:
    """Are the facts among the words heard, in their order, and is nothing turned round?"""
    said, sounds = by_sound(plain(newest.reply)), by_sound(heard)
    rest = iter(sounds)
    kept = all(said.count(sound) == sounds.count(sound) for sound in by_sound(_TURNS))
    return kept and all(sound in rest for sound in by_sound(facts_of(newest)))


def can_be_judged(play: Play) -> bool:
    """Asked in words that an ear knows, answered in words that the judge, an ear too, knows: not by "ok"."""
    reply = play.newest.reply
    return can_be_heard(play) and reply != SILENCE and all(word in VOCABULARY for word in reply.split())


def questions(per_skill: int, seed: int) -> list[tuple[Split, Play]]:
    """Held-out ones: with words or wordings that were never trained."""
    exam = draw_exam(per_skill, splits=_SPLITS, skills=SKILLS, seed=seed)
    return [(split, play) for split, play in exam if can_be_judged(play)]


class _Listener:
    """Hears what was spoken as codes, and what could have been heard at best."""

    def __init__(self) -> None:
        self._codec = CodecModel.load(find("nano").file("codec"))
        self._encoder = codec_encoder.load(find("nano").file("codec_encoder"))

    def outcome(self, split: Split, newest: Newest, answer: Answer) -> Outcome:
        said, sounds = plain(newest.reply), by_sound(plain(newest.reply))
        written = answer.text == newest.reply
        heard = self._words(answer.spoken.codes)
        original = engine().speak(" ".join(said), BASE_STYLE).samples
        best = self._words(codec_encoder.encode(self._encoder, original))
        return Outcome(
            split,
            written,
            written and by_sound(heard) == sounds,
            written and facts_heard(newest, heard),
            answer.spoken.ended,
            by_sound(best) == sounds,
            facts_heard(newest, best),
        )

    def _words(self, codes: NDArray[np.int64]) -> list[str]:
        return judge().words(to_float(decode_whole(self._codec, codes)))


def rows(
    per_skill: int = 7, gguf: Path | None = None, senses: Path | None = None, seed: int = EXAM_SEED
) -> list[dict[str, Any]]:
    """One row for each split and one for all; the bar is on the facts, of all."""
    nano = find("nano")
    examiner = Examiner(gguf or nano.file("mind"), senses or nano.file("senses"), speaks=True)
    listener, rng, outcomes = _Listener(), random.Random(f"{seed}/whole"), []
    try:
        for split, play in questions(per_skill, seed):
            heard = examiner.hear(play, BY_VOICE, rng)
            answer = examiner.answerer.answer_aloud(play, heard=heard)
            outcomes.append(listener.outcome(split, play.newest, answer))
    finally:
        examiner.close()
    table = [_row(split, [o for o in outcomes if o.split == split]) for split in _SPLITS]
    whole = _row("all", outcomes)
    bar = {"bar_on": "heard_facts", "bar": BAR, "met": whole["heard_facts"] >= BAR}
    return [*table, whole | bar | {"met_exactly": whole["heard_exact"] >= BAR}]


def _row(split: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "part": "mind",
        "skill": "spoken question, spoken answer",
        "split": split,
        "questions": len(outcomes),
        "written": share(o.written for o in outcomes),
        "heard_exact": share(o.exact for o in outcomes),
        "heard_facts": share(o.facts for o in outcomes),
        "ended": share(o.ended for o in outcomes),
        "ceiling_exact": share(o.ceiling_exact for o in outcomes),
        "ceiling_facts": share(o.ceiling_facts for o in outcomes),
        "judge": judge().name,
    }
