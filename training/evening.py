"""Records the questions of `sensorium demo`: `python -m training.evening`.

Sam's voice is espeak-ng's plain "en-us", 16 kHz, mono, 16 bit, without silence at either end.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import samplerate

import sensorium.cli
from sensorium.audio import write_wav
from sensorium.persona import Voice
from sensorium.speech.espeak import EspeakBridge

FOLDER = Path(sensorium.cli.__file__).parent / "evening"
RATE_HZ = 16_000
SAM = Voice(espeak="en-us", pitch=50, rate_wpm=160)
QUIET = 200  # of 32768
EDGE_S = 0.05


def main() -> None:
    lines = tomllib.loads((FOLDER / "evening.toml").read_text())["line"]
    mouth = EspeakBridge()
    for line in lines:
        spoken = np.concatenate(list(mouth.synthesize(line["words"], SAM))).astype(np.float32) * 0.5
        ratio = RATE_HZ / mouth.sample_rate_hz
        sound = np.clip(samplerate.resample(spoken, ratio, "sinc_best"), -32768, 32767).astype(np.int16)
        loud = np.flatnonzero(np.abs(sound) > QUIET)
        edge = int(EDGE_S * RATE_HZ)
        sound = sound[max(0, loud[0] - edge) : loud[-1] + edge]
        write_wav(FOLDER / line["wav"], sound, RATE_HZ)
        print(f"{line['wav']}: {len(sound) / RATE_HZ:.2f} s")


if __name__ == "__main__":
    main()
