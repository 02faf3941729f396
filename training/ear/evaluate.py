"""Measures the shipped ear.onnx: word error rates on held-out sentences, voices, noise and word salad.

`rows()` is what training/evaluate.py puts into its table; `python -m training.ear.evaluate` prints it. Seeds
are fixed, so the sets are the same for every run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import samplerate
import torch
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.hearing.bridge import EarWords
from sensorium.hearing.encoder import CHUNK_SAMPLES, SAMPLE_RATE_HZ, EarModel, Encoder
from sensorium.hearing.listener import Listener, SpeechStarted, Words
from sensorium.hearing.resample import Resampler
from sensorium.hearing.vad import Vad
from sensorium.metrics import Counters, summarize
from training.ear.data import Lexicon, salad, utter
from training.ear.model import Ear, zero_state
from training.ear.noise import add_at_snr, coloured
from training.ear.voices import HELD_OUT_VARIANTS, base_style, held_out_style
from training.espeak import Style
from training.world import SALAD_WORDS, Split, utterance

Samples = NDArray[np.float32]
Listen = Callable[[Samples], list[str]]


class Example(NamedTuple):
    samples: Samples
    words: list[str]


class Set(NamedTuple):
    """One row of the table. `bar` is the highest word error rate allowed, None where nothing was promised."""

    name: str
    split: Split | None  # None: word salad
    style: Callable[[random.Random], Style]
    snr_db: float | None = None
    bar: float | None = None
    # Through resampler, VAD and listener, as the worker hears a file of this rate; None: the encoder alone.
    file_rate_hz: int | None = None


def _fast(_rng: random.Random) -> Style:
    return Style(speed_wpm=250)


def _new_variants(rng: random.Random) -> Style:
    return held_out_style(rng, HELD_OUT_VARIANTS)


SETS = (
    Set("base voice, held-out fillers", "fillers", base_style, bar=0.02),
    Set("base voice, held-out phrasings", "phrasings", base_style, bar=0.02),
    Set("voices never trained, held-out fillers", "fillers", held_out_style, bar=0.05),
    Set("voices never trained, held-out phrasings", "phrasings", held_out_style, bar=0.05),
    Set("base voice, white noise 10 dB", "fillers", base_style, snr_db=10.0, bar=0.08),
    Set("voices never trained, white noise 10 dB", "fillers", held_out_style, snr_db=10.0, bar=0.08),
    Set("base voice, word salad", None, base_style, bar=0.20),
    Set("voices never trained, word salad", None, held_out_style, bar=0.20),
    Set("variants never trained in any accent", "fillers", _new_variants),
    Set("base voice, 250 words a minute", "fillers", _fast),
    Set("base voice, whole hearing path, 48 kHz", "fillers", base_style, bar=0.02, file_rate_hz=48_000),
    Set("base voice, whole hearing path, 8 kHz", "fillers", base_style, file_rate_hz=8_000),
)


def examples(chosen: Set, count: int) -> list[Example]:
    """The same `count` utterances every time, made in a process of their own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_speak, (SETS.index(chosen), count))


def word_errors(said: list[str], heard: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]


def greedy(logits: NDArray[np.float32], words: tuple[str, ...], blank_penalty: float = 0.0) -> list[str]:
    """The best path of (T, 1 + words) CTC logits, with the blank's lowered by so many nats."""
    best = np.concatenate([logits[:, :1] - np.float32(blank_penalty), logits[:, 1:]], 1).argmax(-1)
    kept = best[(best != 0) & (best != np.concatenate([[0], best[:-1]]))]
    return [words[i - 1] for i in kept]


def torch_listener(ear: Ear, lexicon: Lexicon) -> Listen:
    def listen(samples: Samples) -> list[str]:
        with torch.no_grad():
            heard, _ = ear(torch.from_numpy(samples)[None], zero_state(1))
        return greedy(heard.words[0].numpy(), lexicon.words)

    return listen


def score(listen: Listen, chosen: list[Example]) -> dict[str, float]:
    errors = [word_errors(e.words, listen(e.samples)) for e in chosen]
    return {
        "wer": sum(errors) / sum(len(e.words) for e in chosen),
        "exact": sum(e == 0 for e in errors) / len(chosen),
        "sentences": len(chosen),
        "words": sum(len(e.words) for e in chosen),
    }


_quick: dict[str, list[Example]] = {}


def quick_rows(ear: Ear, lexicon: Lexicon, count: int = 40) -> dict[str, float]:
    """A small look during training: five of the sets, few sentences, greedy in torch."""
    for chosen in (SETS[0], SETS[1], SETS[2], SETS[4], SETS[6]):
        if chosen.name not in _quick:
            _quick[chosen.name] = examples(chosen, count)
    listen = torch_listener(ear, lexicon)
    return {name: round(score(listen, kept)["wer"], 4) for name, kept in _quick.items()}


def rows(count: int = 200) -> list[dict[str, Any]]:
    """Every set through the shipped ear.onnx, streamed in 80 ms chunks as the hearing worker does."""
    model = EarModel.load(find("nano").file("ear"))
    table = []
    for chosen in SETS:
        listen = _encoder(model) if chosen.file_rate_hz is None else _hearing(model, chosen.file_rate_hz)
        result = score(listen, examples(chosen, count))
        met = None if chosen.bar is None else result["wer"] <= chosen.bar
        table.append({"part": "ear", "skill": chosen.name, **result, "bar": chosen.bar, "met": met})
    return table


def _speak(set_index: int, count: int) -> list[Example]:
    chosen = SETS[set_index]
    rng = random.Random(f"ear {chosen.name}")
    noise_rng = np.random.default_rng(set_index)
    made = []
    for _ in range(count):
        words = (
            salad(rng, SALAD_WORDS) if chosen.split is None else utterance(rng, split=chosen.split).split()
        )
        samples = utter(rng, words, chosen.style(rng), {}).samples
        if chosen.snr_db is not None:
            samples = add_at_snr(samples, coloured(noise_rng, len(samples), 0.0), chosen.snr_db)
        made.append(Example(samples, words))
    return made


def speed(num_chunks: int = 1000) -> dict[str, float]:
    """Milliseconds for 80 ms of sound through VAD, encoder and words, while somebody speaks."""
    listener = Listener(EarWords(EarModel.load(find("nano").file("ear"))), Vad(), Counters())
    speech = np.concatenate([e.samples for e in examples(SETS[0], 20)])
    chunks = speech[: len(speech) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    taken_ms = []
    for i in range(num_chunks):
        start_s = time.perf_counter()
        listener.feed(chunks[i % len(chunks)])
        taken_ms.append((time.perf_counter() - start_s) * 1000.0)
    return summarize(taken_ms)


def _encoder(model: EarModel) -> Listen:
    encoder = Encoder(model)

    def listen(samples: Samples) -> list[str]:
        encoder.reset()
        chunks = samples.reshape(-1, CHUNK_SAMPLES)
        return greedy(np.concatenate([encoder.feed(chunk).words for chunk in chunks]), encoder.words)

    return listen


def _hearing(model: EarModel, file_rate_hz: int) -> Listen:
    """A file of that rate with half a second of quiet around the speech, in pieces of 20 ms."""

    def listen(samples: Samples) -> list[str]:
        quiet = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
        whole = np.concatenate([quiet, samples, quiet])
        file = samplerate.resample(whole, file_rate_hz / SAMPLE_RATE_HZ, "sinc_best").astype(np.float32)
        resampler = Resampler(file_rate_hz)
        listener = Listener(EarWords(model), Vad(), Counters())
        step = file_rate_hz // 50
        pieces = [resampler.feed(file[i : i + step]) for i in range(0, len(file), step)]
        events = [event for piece in [*pieces, resampler.flush()] for event in listener.feed(piece)]
        texts: list[str] = []
        for event in events + listener.flush():
            if isinstance(event, SpeechStarted):
                texts.append("")
            elif isinstance(event, Words):
                texts[-1] = event.text
        return " ".join(texts).split()

    return listen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="sentences in each set")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    table = rows(arguments.count)
    if arguments.json:
        print(json.dumps(table))
        return
    print(f"80 ms of sound: {speed()} ms")
    print(f"{'set':44} {'WER':>7} {'exact':>7} {'bar':>5}  sentences / words")
    for row in table:
        bar = "" if row["bar"] is None else f"{row['bar']:.0%}"
        print(f"{row['skill']:44} {row['wer']:7.2%} {row['exact']:7.1%} {bar:>5}  ", end="")
        print(f"{row['sentences']} / {row['words']}{'' if row['met'] in (None, True) else '  MISSED'}")


if __name__ == "__main__":
    main()
