"""Endless speech for the codec: many voices, fresh sentences, cut into pieces with pitch and phonemes.

Runs in a child process: espeak-ng is global state (and GPL), and the trainer's thread is precious.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.speech.codec import FRAME_SAMPLES
from sensorium.speech.source_filter import HOP_SAMPLES, pulse_train
from sensorium.tuning.analysis import MARGIN, pitch
from training.codec.analysis import harmonic_shares
from training.ear.data import IGNORE, salad, world_sentence
from training.ear.voices import training_style
from training.espeak import Speech, engine
from training.phonemes import bare_phoneme
from training.world import SALAD_WORDS

PIECE_FRAMES = 48  # code frames, 1.92 s
_SALAD_SHARE, _SPELT_SHARE = 0.25, 0.05
_POOL_BATCHES = 12

Floats = NDArray[np.float32]


class Batch(NamedTuple):
    """B pieces of T code frames; `samples` and `pulses` with margins of 512 on both sides."""

    samples: Floats  # (B, 640 T + 1024)
    pulses: Floats  # (B, 640 T + 1024), of the true pitch
    f0_hz: Floats  # (B, 4 T)
    voiced: Floats  # (B, 4 T)
    shares: Floats  # (B, 4 T, 8), of harmonics in 8 bands
    phonemes: NDArray[np.int64]  # (B, T), IGNORE where unknown


def utter(rng: random.Random, phoneme_ids: dict[str, int]) -> list[Batch]:
    """One sentence in one voice, as pieces: batches of one."""
    return pieces(engine().speak(_sentence(rng), training_style(rng)), rng, phoneme_ids)


def pieces(speech: Speech, rng: random.Random, phoneme_ids: dict[str, int]) -> list[Batch]:
    """`speech` with some silence around it in pieces of 48 code frames."""
    lead = rng.randrange(4 * FRAME_SAMPLES)
    length = lead + len(speech.samples) + rng.randrange(6 * FRAME_SAMPLES)
    num_pieces = -(-length // (PIECE_FRAMES * FRAME_SAMPLES))
    num_frames = num_pieces * PIECE_FRAMES
    samples = np.zeros(num_frames * FRAME_SAMPLES + 2 * MARGIN, np.float32)
    samples[MARGIN + lead : MARGIN + lead + len(speech.samples)] = speech.samples
    tone = pitch(torch.from_numpy(samples))
    shares = harmonic_shares(torch.from_numpy(samples), *tone).numpy()
    f0_hz, voiced = (values.numpy() for values in tone)
    pulses = np.pad(pulse_train(f0_hz, rng.random(), float(f0_hz[0]))[0], MARGIN)
    # The train begins one hop before frame 0.
    pulses = np.concatenate((pulses[HOP_SAMPLES:], np.zeros(HOP_SAMPLES, np.float32)))
    phonemes = _phonemes(speech, lead, num_frames, phoneme_ids)
    made = []
    for i in range(num_pieces):
        codes = slice(i * PIECE_FRAMES, (i + 1) * PIECE_FRAMES)
        shapes = slice(4 * codes.start, 4 * codes.stop)
        sound = slice(codes.start * FRAME_SAMPLES, codes.stop * FRAME_SAMPLES + 2 * MARGIN)
        source = f0_hz[None, shapes], voiced[None, shapes], shares[None, shapes]
        made.append(Batch(samples[None, sound], pulses[None, sound], *source, phonemes[None, codes]))
    return made


class Stream:
    """Batches of pieces of many voices, made in a child process behind a short queue."""

    def __init__(self, phonemes: tuple[str, ...], seed: int, batch_size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue = context.Queue(maxsize=6)
        self._process: BaseProcess = context.Process(
            target=_serve, args=(self._queue, phonemes, seed, batch_size), daemon=True
        )
        self._process.start()

    def next(self) -> Batch:
        batch: Batch = self._queue.get(timeout=600)
        return batch

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self._queue.close()


def batches(phonemes: tuple[str, ...], seed: int, batch_size: int) -> Iterator[Batch]:
    """Without end. Pieces of one sentence seldom meet: they are drawn from a pool in random order."""
    rng = random.Random(seed)
    phoneme_ids = {name: i for i, name in enumerate(phonemes)}
    pool: list[Batch] = []
    while True:
        while len(pool) < _POOL_BATCHES * batch_size:
            pool += utter(rng, phoneme_ids)
        rng.shuffle(pool)
        chosen, pool = pool[:batch_size], pool[batch_size:]
        yield Batch(*(np.concatenate(parts) for parts in zip(*chosen, strict=True)))


def _serve(queue: multiprocessing.Queue[Batch], phonemes: tuple[str, ...], seed: int, size: int) -> None:
    torch.set_num_threads(1)
    for batch in batches(phonemes, seed, size):
        queue.put(batch)


def _sentence(rng: random.Random) -> str:
    share = rng.random()
    if share < _SPELT_SHARE:
        return " ".join(rng.choice(SALAD_WORDS))
    words = salad(rng, SALAD_WORDS) if share < _SPELT_SHARE + _SALAD_SHARE else world_sentence(rng)
    comma_after = rng.randrange(len(words)) if rng.random() < 0.15 else -1
    text = " ".join(word + ("," if i == comma_after else "") for i, word in enumerate(words))
    return text + rng.choice(("", ".", ".", "?", "!"))


def _phonemes(speech: Speech, lead: int, num_frames: int, ids: dict[str, int]) -> NDArray[np.int64]:
    """The phoneme in the middle of each code frame; silence is 0."""
    labels = np.zeros(num_frames, np.int64)
    ends = [mark.sample for mark in speech.phonemes[1:]] + [len(speech.samples)]
    for mark, end in zip(speech.phonemes, ends, strict=True):
        frames = slice(_frame_at(mark.sample + lead), _frame_at(end + lead))
        labels[frames] = ids.get(bare_phoneme(mark.name), IGNORE)
    return labels


def _frame_at(sample: int) -> int:
    """The first code frame whose middle is not before `sample`."""
    return max(0, -(-(sample - FRAME_SAMPLES // 2) // FRAME_SAMPLES))
