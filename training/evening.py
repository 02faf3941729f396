"""Records the questions of `sensorium demo`, and what people say over a reply in `sensorium bench barge-in`:
`python -m training.evening`.

espeak-ng's voices (Sam's is the plain "en-us"), 16 kHz, mono, 16 bit, without silence at either end.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import samplerate

import sensorium.bench
import sensorium.cli
from sensorium.audio import write_wav
from sensorium.persona import Voice
from sensorium.speech.espeak import EspeakBridge

FOLDER = Path(sensorium.cli.__file__).parent / "evening"
OVER_REPLIES = Path(sensorium.bench.__file__).parent / "sounds"
RATE_HZ = 16_000
SAM = Voice(espeak="en-us", pitch=50, rate_wpm=160)
QUIET = 200  # of 32768
EDGE_S = 0.05


def main() -> None:
    mouth = EspeakBridge()
    for line in tomllib.loads((FOLDER / "evening.toml").read_text())["line"]:
        record(mouth, line["words"], SAM, FOLDER / line["wav"])
    for sound in tomllib.loads((OVER_REPLIES / "sounds.toml").read_text())["sound"]:
        voice = Voice(espeak=sound["voice"], pitch=50, rate_wpm=160)
        record(mouth, sound["words"], voice, OVER_REPLIES / sound["wav"])


def record(mouth: EspeakBridge, words: str, voice: Voice, path: Path) -> None:
    spoken = np.concatenate(list(mouth.synthesize(words, voice))).astype(np.float32) * 0.5
    ratio = RATE_HZ / mouth.sample_rate_hz
    sound = np.clip(samplerate.resample(spoken, ratio, "sinc_best"), -32768, 32767).astype(np.int16)
    loud = np.flatnonzero(np.abs(sound) > QUIET)
    edge = int(EDGE_S * RATE_HZ)
    sound = sound[max(0, loud[0] - edge) : loud[-1] + edge]
    write_wav(path, sound, RATE_HZ)
    print(f"{path.name}: {len(sound) / RATE_HZ:.2f} s")


if __name__ == "__main__":
    main()
