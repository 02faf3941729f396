"""Measures the shipped codec: what an ear still understands, how far the spectrum and the pitch have moved.

`rows()` is what training/evaluate.py puts into its table; `python -m training.codec.evaluate` prints it.
Seeds are fixed, so the sets are the same for every run.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.metrics import summarize
from sensorium.speech.codec import CodecModel, Decoder, decode_whole
from sensorium.tuning import codec_encoder
from training.codec.export import mel_distance
from training.ear.evaluate import SETS, examples
from training.judge import cents, judge, to_float


class Set(NamedTuple):
    """One of the ear's sets. `bar`: the most points of word error rate that the codec may add."""

    ear_set: int
    bar: float | None = None


CODEC_SETS = (Set(0, bar=0.05), Set(2, bar=0.08), Set(6), Set(8))
F0_BAR_CENTS = 50.0


class Judged(NamedTuple):
    """One utterance before and after."""

    errors: int
    codec_errors: int
    mel: float  # nats of amplitude
    cents: NDArray[np.float32]  # of every frame that is voiced in both
    streamed: float  # nats of amplitude


def rows(count: int = 200, *, codec: Path | None = None, encoder: Path | None = None) -> list[dict[str, Any]]:
    """Every set through encoder.npz and, frame by frame, the shipped codec.onnx."""
    model = CodecModel.load(codec or find("nano").file("codec"))
    into = codec_encoder.load(encoder or find("nano").file("codec_encoder"))
    table = []
    for chosen in CODEC_SETS:
        said = examples(SETS[chosen.ear_set], count)
        judged = []
        for example in said:
            codes = codec_encoder.encode(into, example.samples)
            stream = Decoder(model)
            spoken = to_float(
                np.concatenate([*(stream.feed(frame[None]) for frame in codes), stream.flush()])
            )
            judged.append(
                Judged(
                    judge().errors(example.words, example.samples),
                    judge().errors(example.words, spoken),
                    mel_distance(example.samples, spoken),
                    cents(example.samples, spoken),
                    mel_distance(spoken, to_float(decode_whole(model, codes))),
                )
            )
        table.append(_row(chosen, judged, sum(len(e.words) for e in said)))
    return table


def speed(num_frames: int = 500, *, codec: Path | None = None) -> dict[str, Any]:
    """Milliseconds for 40 ms of sound, and from the first codes to the first samples, on one core."""
    model = CodecModel.load(codec or find("nano").file("codec"))
    codes = np.random.default_rng(0).integers(0, 1000, (num_frames, 1, 2))
    stream = Decoder(model)
    taken_ms, first_ms = [], []
    for frame in codes:
        start_s = time.perf_counter()
        stream.feed(frame)
        taken_ms.append((time.perf_counter() - start_s) * 1000.0)
    for i in range(100):
        stream.reset()
        start_s = time.perf_counter()
        stream.feed(codes[i])
        stream.feed(codes[i + 1])
        first_ms.append((time.perf_counter() - start_s) * 1000.0)
    return {"frame_ms": summarize(taken_ms), "first_sound_ms": summarize(first_ms)}


def _row(chosen: Set, judged: list[Judged], num_words: int) -> dict[str, Any]:
    original, after = (sum(getattr(j, f) for j in judged) / num_words for f in ("errors", "codec_errors"))
    cents = float(np.median(np.concatenate([j.cents for j in judged])))
    met = None if chosen.bar is None else after - original <= chosen.bar and cents <= F0_BAR_CENTS
    return {
        "part": "codec",
        "skill": SETS[chosen.ear_set].name,
        "wer_original": original,
        "wer": after,
        "mel_l1_nat": float(np.mean([j.mel for j in judged])),
        "f0_median_error_cents": cents,
        "streamed_to_whole_nat": float(np.max([j.streamed for j in judged])),
        "judge": judge().name,
        "sentences": len(judged),
        "words": num_words,
        "bar": chosen.bar,
        "met": met,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="sentences in each set")
    parser.add_argument(
        "--folder", type=Path, help="codec.onnx and encoder.npz that are not the shipped ones"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = arguments.folder
    codec, encoder = (folder / "codec.onnx", folder / "encoder.npz") if folder else (None, None)
    table, pace = rows(arguments.count, codec=codec, encoder=encoder), speed(codec=codec)
    if arguments.json:
        print(json.dumps({"rows": table, "speed": pace}))
        return
    print(f"judge: {judge().name}")
    print(f"{'':40} {'WER':>8} {'after':>8} {'may add':>8} {'mel nat':>8} {'F0 cents':>8} {'streamed':>8}")
    for row in table:
        bar = "" if row["bar"] is None else f"{row['bar']:.0%}"
        print(f"{row['skill']:40} {row['wer_original']:8.2%} {row['wer']:8.2%} {bar:>8} ", end="")
        print(f"{row['mel_l1_nat']:8.3f} {row['f0_median_error_cents']:8.1f} ", end="")
        print(f"{row['streamed_to_whole_nat']:8.4f}{'' if row['met'] in (None, True) else '  MISSED'}")
    print(f"40 ms of sound: {pace['frame_ms']} ms; first sound after two frames: {pace['first_sound_ms']} ms")


if __name__ == "__main__":
    main()
