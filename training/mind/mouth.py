"""Sentences as the mind will speak them: words with their codes, from espeak-ng and the codec's encoder.

Many voices, of which all but one have a tag. One speaker a process, as espeak-ng is global state. Knows
nothing of pages and of models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

from training.codec.model import Encoder
from training.codec.tokens import encode, load_encoder
from training.ear.data import salad
from training.ear.voices import BASE, HELD_OUT
from training.espeak import Style, engine
from training.mind.play import SILENCE, draw_play
from training.mind.scene import odd_word
from training.mind.speech import SpokenWord, split_by_word
from training.mind.vocabulary import SPECIALS
from training.world import SALAD_WORDS, Split, utterance

BASE_STYLE = Style(voice=BASE)
NUM_TAGS = 32
_FIRST_TAG = SPECIALS.index("<|reserved_0|>")
_BASE_SHARE = 0.5
# What is said: what personas answer, what people say, words in no order, and so often a word of no language.
_REPLIES, _UTTERANCES, _ODD_SHARE = 0.55, 0.25, 0.12
_MAX_WORDS = 16


@cache
def tagged_styles() -> tuple[Style, ...]:
    """By tag. Each voice keeps its height and pace, so that a tag says all of it. Neither the held-out voices
    nor those of the shipped personas are among them: both come later, as adapters."""
    variants = [f"m{i}" for i in range(1, 9)] + [f"f{i}" for i in range(1, 6)]
    taken = {*HELD_OUT, *_personas_voices(), BASE}
    voices = [
        f"{accent}+{variant}"
        for accent in ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029")
        for variant in variants
        if f"{accent}+{variant}" not in taken
    ]
    rng = random.Random("voices of the mouth")
    return tuple(
        Style(voice=voice, speed_wpm=rng.randint(135, 190), pitch=rng.randint(25, 72))
        for voice in rng.sample(voices, NUM_TAGS)
    )


def _personas_voices() -> frozenset[str]:
    from sensorium.store.seed import shipped_personas

    return frozenset(persona.voice.espeak for persona in shipped_personas())


def draw_words(rng: random.Random, split: Split = "train", *, odd_share: float = _ODD_SHARE) -> list[str]:
    """Something to say, with its full stop. (What people say has none; a mouth may have to say it, too.)"""
    draw = rng.random()
    words: list[str] = []
    while not 1 <= len(words) <= _MAX_WORDS:
        if draw < _REPLIES:
            reply = draw_play(rng, split, max_lines=4).newest.reply
            words = [] if reply == SILENCE else reply.split()
        elif draw < _REPLIES + _UTTERANCES:
            words = [*utterance(rng, split=split).split(), "."]
        else:
            words = [*salad(rng, SALAD_WORDS), "."]
    if rng.random() < odd_share:
        words[rng.randrange(max(1, len(words) - 1))] = odd_word(rng)
    return words


def draw_voice(rng: random.Random) -> tuple[int | None, Style]:
    """A voice and its tag's id; the base voice, half of the time, has none."""
    if rng.random() < _BASE_SHARE:
        return None, BASE_STYLE
    tag = rng.randrange(NUM_TAGS)
    return _FIRST_TAG + tag, tagged_styles()[tag]


def speak(words: Sequence[str], style: Style) -> list[SpokenWord]:
    """The words and their codes, none lost. Raises BadInput for an unknown voice."""
    speech = engine().speak(" ".join(words), style)
    codes = encode(_encoder(), speech.samples)
    return split_by_word(words, speech.words, codes)


@cache
def _encoder() -> Encoder:
    return load_encoder()
