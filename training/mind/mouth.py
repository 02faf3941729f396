"""Sentences as the mind will speak them: words with their codes, from espeak-ng and the codec's encoder.

Many voices, of which all but one have a tag. One speaker a process, as espeak-ng is global state. Knows
nothing of pages and of models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

from sensorium.bundles.catalogue import find
from sensorium.tuning import codec_encoder
from sensorium.tuning.codec_encoder import Encoder
from training.ear.data import salad, world_sentence
from training.ear.voices import BASE, HELD_OUT
from training.espeak import Style, engine
from training.mind.play import SILENCE, draw_play
from training.mind.scene import odd_word
from training.mind.speech import SpokenWord, shipped_pronunciations, split_by_word
from training.mind.vocabulary import SPECIALS
from training.world import JUDGED_WORDS, SALAD_WORDS, Split, held_out, utterance

BASE_STYLE = Style(voice=BASE)
NUM_TAGS = 32
_FIRST_TAG = SPECIALS.index("<|reserved_0|>")
# So often the base voice, and so often one of the shipped personas' voices.
_BASE_SHARE, _PERSONAS_SHARE = 0.25, 0.5
# What is said: what personas answer, what people say, words in no order. So often one word is another, of no
# language or any that no exam holds out: or else sentences are spoken as they always went, not as written.
_REPLIES, _UTTERANCES = 0.4, 0.2
_ODD_SHARE, _OF_NO_LANGUAGE = 0.3, 0.4
_ANYWHERE = tuple(word for word in SALAD_WORDS if word not in held_out())
_MAX_WORDS = 16
_JUDGED = frozenset(JUDGED_WORDS)


@cache
def personas_styles() -> tuple[Style, ...]:
    """The voices of the shipped personas, in the order of their names in the store."""
    from sensorium.store.seed import shipped_personas

    voices = [persona.voice for persona in shipped_personas()]
    return tuple(Style(voice=v.espeak, speed_wpm=v.rate_wpm, pitch=v.pitch) for v in voices)


@cache
def tagged_styles() -> tuple[Style, ...]:
    """By tag: the personas' voices first. Each keeps its height and pace, so that a tag says all of it. The
    held-out voices are not among them: for what `sensorium voice train` makes of a voice never met."""
    variants = [f"m{i}" for i in range(1, 9)] + [f"f{i}" for i in range(1, 6)]
    personas = personas_styles()
    taken = {*HELD_OUT, *(style.voice for style in personas), BASE}
    voices = [
        f"{accent}+{variant}"
        for accent in ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029")
        for variant in variants
        if f"{accent}+{variant}" not in taken
    ]
    rng = random.Random("voices of the mouth")
    others = [
        Style(voice=voice, speed_wpm=rng.randint(135, 190), pitch=rng.randint(25, 72))
        for voice in rng.sample(voices, NUM_TAGS - len(personas))
    ]
    return (*personas, *others)


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
        odd = odd_word(rng) if rng.random() < _OF_NO_LANGUAGE else rng.choice(_ANYWHERE)
        words[rng.randrange(max(1, len(words) - 1))] = odd
    return words


def asked_or_answered(rng: random.Random) -> list[str]:
    """What a judge of speech must know: half of it what people say, half what personas may have to say."""
    if rng.random() < 0.5:
        return world_sentence(rng)
    while True:
        words = [word for word in draw_words(rng, odd_share=0.0) if word != "."]
        # Personas also repeat and spell what is no word.
        if words and _JUDGED.issuperset(words):
            return words


def draw_voice(rng: random.Random) -> tuple[int | None, Style]:
    """A voice and its tag's id; the base voice has none."""
    draw = rng.random()
    if draw < _BASE_SHARE:
        return None, BASE_STYLE
    num_personas = len(personas_styles())
    if draw < _BASE_SHARE + _PERSONAS_SHARE:
        tag = rng.randrange(num_personas)
    else:
        tag = rng.randrange(num_personas, NUM_TAGS)
    return _FIRST_TAG + tag, tagged_styles()[tag]


def speak(words: Sequence[str], style: Style) -> list[SpokenWord]:
    """The words and their codes, none lost. Raises BadInput for an unknown voice."""
    speech = engine().speak(" ".join(words), style)
    codes = codec_encoder.encode(_encoder(), speech.samples)
    return split_by_word(words, speech.words, speech.phonemes, codes, shipped_pronunciations())


@cache
def _encoder() -> Encoder:
    return codec_encoder.load(find("nano").file("codec_encoder"))
