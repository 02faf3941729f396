"""How well the mind speaks: sentences that it never spoke, through the house's scheduler and its codec.

The ceiling is the codec's own rendering of the same sentence by espeak-ng. Knows nothing of torch models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from sensorium.bundles.catalogue import find
from sensorium.request import AdapterUse
from sensorium.speech.codec import CodecModel, decode_whole
from sensorium.tuning import codec_encoder
from training.espeak import Style, engine
from training.judge import judge, to_float
from training.mind.answer import Answerer
from training.mind.mouth import BASE_STYLE, draw_words
from training.timbre import Samples, timbre
from training.world import Split

SEED = 8_100_000
# Points of word error above the codec's, share that end by themselves, length against espeak's.
WER_BAR, ENDED_BAR, DURATION_BAR = 0.04, 0.99, 0.05
_SPLITS: tuple[Split, ...] = ("fillers", "phrasings")

# espeak-ng's own sound, what the codec makes of it, and what the mind says.
By = Literal["original", "codec", "mind"]


class Said(NamedTuple):
    """One sentence: its sound float32 (n,), 16 kHz, and the judge's errors in it, by who says it. `ended`:
    the mind itself ended it."""

    words: list[str]
    sounds: dict[By, Samples]
    errors: dict[By, int]
    ended: bool


def sentences(count: int, seed: int = SEED) -> list[list[str]]:
    """Half with held-out fillers, half with held-out phrasings."""
    rng = random.Random(seed)
    return [draw_words(rng, _SPLITS[i % 2], odd_share=0.0) for i in range(count)]


def say(
    answerer: Answerer,
    texts: Sequence[list[str]],
    style: Style = BASE_STYLE,
    adapters: tuple[AdapterUse, ...] = (),
) -> list[Said]:
    """Each sentence by espeak-ng in that style, by the codec after it, and by the mind."""
    found = []
    for words in texts:
        original = engine().speak(" ".join(words), style).samples
        spoken = answerer.speak(words, adapters)
        sounds: dict[By, Samples] = {
            "original": original,
            "codec": rendered(original),
            "mind": to_float(decode_whole(codec(), spoken.codes)),
        }
        plain = [word for word in words if word != "."]
        errors = {by: judge().errors(plain, sound) for by, sound in sounds.items()}
        found.append(Said(words, sounds, errors, spoken.ended))
    return found


@cache
def codec() -> CodecModel:
    return CodecModel.load(find("nano").file("codec"))


def rendered(samples: Samples) -> Samples:
    """What the codec makes of a sound."""
    return to_float(decode_whole(codec(), codec_encoder.encode(_encoder(), samples)))


@cache
def _encoder() -> codec_encoder.Encoder:
    return codec_encoder.load(find("nano").file("codec_encoder"))


def measures(said: Sequence[Said]) -> dict[str, Any]:
    """What a row tells of any voice. The duration is the mind's as a multiple of the codec's."""
    num_words = sum(len(s.words) - s.words.count(".") for s in said)
    heights = {by: timbre([s.sounds[by] for s in said]).f0_hz for by in get_args(By)}
    seconds = {by: sum(len(s.sounds[by]) for s in said) for by in get_args(By)}
    return {
        **{f"wer_{by}": sum(s.errors[by] for s in said) / num_words for by in get_args(By)},
        "ended": sum(s.ended for s in said) / len(said),
        "duration": seconds["mind"] / seconds["codec"],
        "f0_hz": heights["mind"],
        "f0_hz_original": heights["original"],
        "sentences": len(said),
        "words": num_words,
        "judge": judge().name,
    }


def row(said: Sequence[Said]) -> dict[str, Any]:
    found = measures(said)
    above = found["wer_mind"] - found["wer_codec"]
    within = above <= WER_BAR and abs(found["duration"] - 1) <= DURATION_BAR
    return {
        "part": "mind",
        "skill": "speech, base voice",
        **found,
        "bar": f"codec + {WER_BAR:.0%}",
        "met": within and found["ended"] >= ENDED_BAR,
    }


def rows(count: int = 200, gguf: Path | None = None) -> list[dict[str, Any]]:
    answerer = Answerer(gguf or find("nano").file("mind"), speaks=True)
    try:
        return [row(say(answerer, sentences(count)))]
    finally:
        answerer.close()
