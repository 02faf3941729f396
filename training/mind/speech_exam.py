"""How well the mind speaks: sentences that it never spoke, through the house's scheduler and its codec.

The ceiling is the codec's own rendering of the same sentence by espeak-ng. Knows nothing of torch models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.request import AdapterUse
from sensorium.speech.codec import CodecModel, decode_whole
from sensorium.tuning import codec_encoder
from training.espeak import Style, engine
from training.judge import judge, to_float, voiced_f0
from training.mind.answer import Answerer
from training.mind.mouth import BASE_STYLE, draw_words
from training.world import Split

SEED = 8_100_000
# Points of word error above the codec's, share that end by themselves, length against espeak's.
WER_BAR, ENDED_BAR, DURATION_BAR = 0.04, 0.99, 0.05
_SPLITS: tuple[Split, ...] = ("fillers", "phrasings")

Samples = NDArray[np.float32]


class Said(NamedTuple):
    """One sentence: errors of the judge on espeak-ng, on the codec, on the mind; and the mind's own sound."""

    words: list[str]
    original_errors: int
    codec_errors: int
    mind_errors: int
    ended: bool
    frames: int
    original_frames: int
    original: Samples
    spoken: Samples


def sentences(count: int) -> list[list[str]]:
    """Half with held-out fillers, half with held-out phrasings."""
    rng = random.Random(SEED)
    return [draw_words(rng, _SPLITS[i % 2], odd_share=0.0) for i in range(count)]


def say(
    answerer: Answerer,
    texts: Sequence[list[str]],
    style: Style = BASE_STYLE,
    adapters: tuple[AdapterUse, ...] = (),
) -> list[Said]:
    """Each sentence by espeak-ng in that style, by the codec after it, and by the mind."""
    codec = CodecModel.load(find("nano").file("codec"))
    encoder = codec_encoder.load(find("nano").file("codec_encoder"))
    found = []
    for words in texts:
        original = engine().speak(" ".join(words), style).samples
        codes = codec_encoder.encode(encoder, original)
        spoken = answerer.speak(words, adapters)
        sound = to_float(decode_whole(codec, spoken.codes))
        plain = [word for word in words if word != "."]
        found.append(
            Said(
                words,
                judge().errors(plain, original),
                judge().errors(plain, to_float(decode_whole(codec, codes))),
                judge().errors(plain, sound),
                spoken.ended,
                len(spoken.codes),
                len(codes),
                original,
                sound,
            )
        )
    return found


def row(said: Sequence[Said]) -> dict[str, Any]:
    num_words = sum(len(s.words) - s.words.count(".") for s in said)
    wer = {name: sum(getattr(s, f"{name}_errors") for s in said) / num_words for name in _HEARD}
    ended = sum(s.ended for s in said) / len(said)
    duration = sum(s.frames for s in said) / sum(s.original_frames for s in said)
    f0 = [float(np.median(np.concatenate([voiced_f0(getattr(s, k)) for s in said]))) for k in _SOUNDS]
    within = wer["mind"] - wer["codec"] <= WER_BAR and abs(duration - 1) <= DURATION_BAR
    return {
        "part": "mind",
        "skill": "speech, base voice",
        **{f"wer_{name}": value for name, value in wer.items()},
        "ended": ended,
        "duration": duration,
        "f0_hz": f0[1],
        "f0_hz_original": f0[0],
        "sentences": len(said),
        "words": num_words,
        "judge": judge().name,
        "bar": f"codec + {WER_BAR:.0%}",
        "met": within and ended >= ENDED_BAR,
    }


_HEARD, _SOUNDS = ("original", "codec", "mind"), ("original", "spoken")


def rows(count: int = 200, gguf: Path | None = None) -> list[dict[str, Any]]:
    answerer = Answerer(gguf or find("nano").file("mind"), speaks=True)
    try:
        return [row(say(answerer, sentences(count)))]
    finally:
        answerer.close()
