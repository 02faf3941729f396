"""Endless labelled speech: sentences of nano's world and word salad, spoken, disturbed, in batches.

Runs in a child process: espeak-ng is global state (and GPL), and the trainer's thread is precious.
"""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.speech.codec import CodecModel, decode_whole
from sensorium.tuning import codec_encoder
from sensorium.tuning.codec_encoder import Encoder
from training.ear.model import CHUNK_SAMPLES, FRAME_SAMPLES
from training.ear.noise import NoiseBank, disturb, set_level
from training.ear.voices import training_style
from training.espeak import Speech, Style, engine
from training.phonemes import bare_phoneme
from training.world import utterance

IGNORE = -100
_DELAY_SAMPLES = 1280  # a phoneme is asked for 80 ms after it was spoken
_WORD_DELAY_SAMPLES = 1600
SALAD_SHARE = 0.30
_SWAP_SHARE = 0.15  # sentences in which one word is any word, so that no slot is closed
CHARACTERS = " 'abcdefghijklmnopqrstuvwxyz"


class Lexicon(NamedTuple):
    """What the heads can say. Index 0 of words and characters is the CTC blank, so ids here start at 1."""

    words: tuple[str, ...]
    phonemes: tuple[str, ...]

    def word_ids(self, text: list[str]) -> list[int]:
        index = {word: i + 1 for i, word in enumerate(self.words)}
        return [index[word] for word in text]


class Utterance(NamedTuple):
    """`samples` float32 (640 n,); a phoneme id or IGNORE per frame; per word the frame after its end."""

    samples: NDArray[np.float32]
    words: list[str]
    phonemes: NDArray[np.int64]
    word_frames: list[int]


class Batch(NamedTuple):
    """B utterances padded to a common even number of frames T, their targets with IGNORE or 0."""

    samples: NDArray[np.int16]  # (B, 640 T)
    num_frames: NDArray[np.int64]  # (B,)
    words: NDArray[np.int64]  # (B, W)
    num_words: NDArray[np.int64]  # (B,)
    chars: NDArray[np.int64]  # (B, C)
    num_chars: NDArray[np.int64]  # (B,)
    phonemes: NDArray[np.int64]  # (B, T)
    word_frames: NDArray[np.int64]  # (B, W), IGNORE where espeak gave no end


Sentence = Callable[[random.Random], list[str]]


def world_sentence(rng: random.Random) -> list[str]:
    """What training draws from nano's world: no held-out filler in its slot, no held-out phrasing."""
    return utterance(rng, split="train").split()


def salad(rng: random.Random, words: tuple[str, ...]) -> list[str]:
    """Two to eight words in no order: what a grammar learnt by heart cannot repair."""
    return [rng.choice(words) for _ in range(rng.randint(2, 8))]


def find_phonemes(words: tuple[str, ...], voices: tuple[str, ...]) -> tuple[str, ...]:
    """Every phoneme that espeak-ng uses for these words at least five times; silence first."""
    counts: Counter[str] = Counter()
    for voice in voices:
        for start in range(0, len(words), 20):
            speech = engine().speak(" ".join(words[start : start + 20]), Style(voice))
            counts.update(bare_phoneme(mark.name) for mark in speech.phonemes)
    return ("_", *sorted(name for name, n in counts.items() if n >= 5 and name != "_"))


def utter(
    rng: random.Random, words: list[str], style: Style, phoneme_ids: dict[str, int], *, pause_s: float = 0.0
) -> Utterance:
    """Speaks `words` between some silence. With `pause_s` such a pause falls between two of them."""
    parts = [words] if pause_s == 0.0 or len(words) < 2 else _split(rng, words)
    samples = [np.zeros(round(rng.uniform(0.05, 0.6) * 16_000), np.float32)]
    spoken: list[tuple[int, int, str]] = []
    ends: list[int] = []
    for part in parts:
        text, at_character = _punctuate(rng, part)
        speech = engine().speak(text, style)
        offset = sum(map(len, samples))
        spoken += _phoneme_spans(speech, offset)
        ends += _word_ends(speech, at_character, offset)
        samples += [speech.samples, np.zeros(round(pause_s * 16_000), np.float32)]
    samples.append(np.zeros(round(rng.uniform(0.25, 0.6) * 16_000), np.float32))
    sound = np.concatenate(samples)
    sound = np.pad(sound, (0, -len(sound) % CHUNK_SAMPLES))
    num_frames = len(sound) // FRAME_SAMPLES
    phonemes = np.zeros(num_frames, np.int64)
    for start, end, name in spoken:
        label = phoneme_ids.get(name, IGNORE)
        phonemes[_frame_at(start + _DELAY_SAMPLES) : _frame_at(end + _DELAY_SAMPLES)] = label
    frames = [_frame_at(end + _WORD_DELAY_SAMPLES) if end >= 0 else IGNORE for end in ends]
    frames = [f if f < num_frames else IGNORE for f in frames]
    return Utterance(sound, words, phonemes, frames)


class Source:
    """Draws batches of fresh utterances from one seed. `clean` turns noise off (the start of a run). So many
    of them as `codec_share` says go through the codec first."""

    def __init__(
        self, lexicon: Lexicon, sentence: Sentence, seed: int, batch_size: int, codec_share: float = 0.0
    ) -> None:
        self._codec_share = codec_share
        self._lexicon = lexicon
        self._sentence = sentence
        self._rng = random.Random(seed)
        self._noise_rng = np.random.default_rng(seed)
        self._bank = NoiseBank(self._noise_rng)
        self._batch_size = batch_size
        self._phoneme_ids = {name: i for i, name in enumerate(lexicon.phonemes)}
        self._word_ids = {word: i + 1 for i, word in enumerate(lexicon.words)}

    def pool(self, num_batches: int, *, clean: bool) -> Iterator[Batch]:
        """Batches of utterances of like length, in random order."""
        drawn = [self._draw() for _ in range(num_batches * self._batch_size)]
        drawn.sort(key=lambda u: len(u.samples))
        starts = list(range(0, len(drawn), self._batch_size))
        self._rng.shuffle(starts)
        for start in starts:
            self._bank.renew_one()
            chosen = drawn[start : start + self._batch_size]
            babble = self._rng.choice(drawn).samples
            yield self._collate([u._replace(samples=self._spoil(u.samples, babble, clean)) for u in chosen])

    def _draw(self) -> Utterance:
        rng = self._rng
        is_salad = rng.random() < SALAD_SHARE
        words = salad(rng, self._lexicon.words) if is_salad else self._sentence(rng)
        if rng.random() < _SWAP_SHARE:
            words[rng.randrange(len(words))] = rng.choice(self._lexicon.words)
        pause_s = rng.uniform(0.15, 1.0) if rng.random() < 0.1 else 0.0
        uttered = utter(rng, words, training_style(rng), self._phoneme_ids, pause_s=pause_s)
        if self._codec_share and rng.random() < self._codec_share:
            return uttered._replace(samples=through_codec(uttered.samples))
        return uttered

    def _spoil(
        self, samples: NDArray[np.float32], babble: NDArray[np.float32], clean: bool
    ) -> NDArray[np.float32]:
        if clean:
            return set_level(self._noise_rng, samples)
        return disturb(self._noise_rng, self._bank, samples, babble)

    def _collate(self, utterances: list[Utterance]) -> Batch:
        num_frames = np.array([len(u.phonemes) for u in utterances])
        char_ids = {c: i + 1 for i, c in enumerate(CHARACTERS)}
        words = [[self._word_ids[w] for w in u.words] for u in utterances]
        chars = [[char_ids[c] for c in " ".join(u.words) if c in char_ids] for u in utterances]
        longest = int(num_frames.max()) * FRAME_SAMPLES
        samples = np.stack([np.pad(u.samples, (0, longest - len(u.samples))) for u in utterances])
        return Batch(
            (samples * 32767).astype(np.int16),
            num_frames,
            _pad(words, 0),
            np.array([len(w) for w in words]),
            _pad(chars, 0),
            np.array([len(c) for c in chars]),
            _pad([u.phonemes.tolist() for u in utterances], IGNORE),
            _pad([u.word_frames for u in utterances], IGNORE),
        )


def through_codec(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(640 n,) -> the same length, as the shipped codec would say it."""
    encoder, decoder = _codec()
    said = decode_whole(decoder, codec_encoder.encode(encoder, samples))
    return said.astype(np.float32) / np.float32(32768.0)


@cache
def _codec() -> tuple[Encoder, CodecModel]:
    return codec_encoder.load(find("nano").file("codec_encoder")), CodecModel.load(find("nano").file("codec"))


class Stream:
    """A `Source` in a child process behind a short queue."""

    def __init__(
        self,
        lexicon: Lexicon,
        sentence: Sentence,
        seed: int,
        batch_size: int,
        *,
        clean_batches: int,
        codec_share: float = 0.0,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue = context.Queue(maxsize=6)
        arguments = (self._queue, lexicon, sentence, seed, batch_size, clean_batches, codec_share)
        self._process: BaseProcess = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()

    def next(self) -> Batch:
        batch: Batch = self._queue.get(timeout=120)
        return batch

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self._queue.close()


def _serve(
    queue: multiprocessing.Queue[Batch],
    lexicon: Lexicon,
    sentence: Sentence,
    seed: int,
    batch: int,
    num_clean: int,
    codec_share: float,
) -> None:
    torch.set_num_threads(1)
    source = Source(lexicon, sentence, seed, batch, codec_share)
    num_made = 0
    while True:
        for made in source.pool(8, clean=num_made < num_clean):
            queue.put(made)
            num_made += 1


def _split(rng: random.Random, words: list[str]) -> list[list[str]]:
    cut = rng.randint(1, len(words) - 1)
    return [words[:cut], words[cut:]]


def _punctuate(rng: random.Random, words: list[str]) -> tuple[str, list[int]]:
    """Text for the voice, with commas and marks that change the melody; and where each word begins."""
    comma_after = rng.randrange(len(words)) if rng.random() < 0.15 else -1
    text, starts = "", []
    for i, word in enumerate(words):
        text += " " if text else ""
        starts.append(len(text))
        text += word + ("," if i == comma_after else "")
    return text + rng.choice(("", ".", "?", "?", "!")), starts


def _phoneme_spans(speech: Speech, offset: int) -> list[tuple[int, int, str]]:
    """(start, end, name) of everything that is not a pause."""
    ends = [mark.sample for mark in speech.phonemes[1:]] + [len(speech.samples)]
    named = [(m.sample, end, bare_phoneme(m.name)) for m, end in zip(speech.phonemes, ends, strict=True)]
    return [(start + offset, end + offset, name) for start, end, name in named if name != "_"]


def _word_ends(speech: Speech, starts: list[int], offset: int) -> list[int]:
    """For each word the sample at which it is over, or -1 where espeak-ng ran words together."""
    marked = {mark.character: mark.sample for mark in speech.words}
    pauses = [m.sample for m in speech.phonemes if m.name.startswith("_")] + [len(speech.samples)]
    ends = []
    for i, start in enumerate(starts):
        begin = marked.get(start)
        following = marked.get(starts[i + 1]) if i + 1 < len(starts) else len(speech.samples)
        if begin is None or following is None:
            ends.append(-1)
            continue
        pause = next((p for p in pauses if p > begin), following)
        ends.append(min(following, pause) + offset)
    return ends


def _frame_at(sample: int) -> int:
    return sample // FRAME_SAMPLES


def _pad(rows: list[list[int]], fill: int) -> NDArray[np.int64]:
    width = max(1, max(map(len, rows)))
    return np.array([row + [fill] * (width - len(row)) for row in rows], np.int64)
