"""Draws how each voice says one sentence: `python -m training.spectrogram [--mind GGUF --voices FOLDER]`.

training/spectrograms/NAME.png: on the left the mind with that voice, on the right its target, espeak-ng as
the codec renders it; above the wave, below the spectrum from 0 to 8 kHz in windows of 64 ms, 60 dB from black
to white. Pictures of 16 colours, written here: no library that draws is among the dependencies.
"""

from __future__ import annotations

import argparse
import struct
import sys
import zlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.bundles.catalogue import find
from sensorium.errors import SensoriumError
from sensorium.request import AdapterUse
from sensorium.speech.codec import decode_whole
from sensorium.tuning.analysis import FLOOR, powers, with_margins
from training.espeak import engine
from training.judge import to_float
from training.mind.answer import Answerer
from training.mind.speech_exam import codec, rendered
from training.mind.voice_exam import check_made_for, find_voices, persona_styles
from training.timbre import Samples

FOLDER = Path(__file__).parent / "spectrograms"
SENTENCE = "my name is maya and the red circle is on the left ."
NUM_COLOURS = 16

_FFT, _BINS_IN_A_ROW, _PIXELS_IN_A_FRAME = 1024, 2, 2
_NEPERS = np.log(10.0) * 6.0  # 60 dB of power
_WAVE_ROWS, _GAP = 64, 16
# From black over violet and orange to white, so that grey eyes read them, too.
_CORNERS = ((0, 0, 0), (60, 15, 110), (190, 50, 90), (250, 150, 50), (255, 255, 230))

Pixels = NDArray[np.uint8]  # (rows, columns), each a colour from 0 to 15


def portrait(spoken: Samples, target: Samples) -> Pixels:
    """Both sounds, float32 (n,), 16 kHz, side by side on one scale."""
    loudest = max(float(np.abs(sound).max(initial=1e-3)) for sound in (spoken, target))
    num_samples = max(len(spoken), len(target), 640)
    panels = [
        _panel(np.pad(sound, (0, num_samples - len(sound))) / np.float32(loudest))
        for sound in (spoken, target)
    ]
    gap = np.full((len(panels[0]), _GAP), NUM_COLOURS - 1, np.uint8)
    return np.hstack((panels[0], gap, panels[1]))


def png(pixels: Pixels) -> bytes:
    """A picture of 16 colours, four bits a pixel. Source: the PNG specification, third edition, 4.5, 11.2."""
    rows, columns = pixels.shape
    even = np.pad(pixels, ((0, 0), (0, columns % 2)))
    packed = (even[:, ::2] << 4) | even[:, 1::2]
    lines = np.pad(packed, ((0, 0), (1, 0)))  # each line begins with its filter: none
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 4, 3, 0, 0, 0)),
        (b"PLTE", _palette().tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def draw(mind: Path, voices: Mapping[str, Path], folder: Path) -> list[Path]:
    """One picture for each voice, by persona."""
    words, styles, written = SENTENCE.split(), persona_styles(), []
    folder.mkdir(parents=True, exist_ok=True)
    with closing(Answerer(mind, speaks=True)) as answerer:
        for name, file in voices.items():
            answerer.adapters.register(name, file)
            codes = answerer.speak(words, (AdapterUse(name, 1.0),)).codes
            spoken = to_float(decode_whole(codec(), codes))
            target = rendered(engine().speak(SENTENCE, styles[name]).samples)
            path = folder / f"{name}.png"
            path.write_bytes(png(portrait(spoken, target)))
            written.append(path)
    return written


def _panel(sound: Samples) -> Pixels:
    """The wave above the spectrum; `sound` from -1 to 1."""
    wide = np.repeat(np.vstack((_wave(sound), _spectrum(sound))), _PIXELS_IN_A_FRAME, axis=1)
    return np.asarray(wide, np.uint8)


def _spectrum(sound: Samples) -> Pixels:
    """(256, frames of 10 ms), high frequencies above."""
    density = powers(with_margins(sound)[None], _FFT)[0, :, : _FFT // 2].numpy()
    density = density.reshape(len(density), -1, _BINS_IN_A_ROW).mean(-1)
    height = np.log(density + FLOOR)
    colours = (1.0 + (height - max(float(height.max()), np.log(FLOOR) + _NEPERS)) / _NEPERS) * NUM_COLOURS
    return np.asarray(np.clip(colours, 0, NUM_COLOURS - 1).T[::-1], np.uint8)


def _wave(sound: Samples) -> Pixels:
    """(64, frames of 10 ms): from the least to the most of every frame."""
    whole = np.pad(sound, (0, -len(sound) % 640)).reshape(-1, 160)
    at = np.linspace(1.0, -1.0, _WAVE_ROWS)[:, None]
    half_row = 1.0 / (_WAVE_ROWS - 1)
    inside = (at >= whole.min(1) - half_row) & (at <= whole.max(1) + half_row)
    return np.asarray(inside * 11, np.uint8)


def _palette() -> Pixels:
    """(16, 3), red, green and blue."""
    at = np.linspace(0.0, len(_CORNERS) - 1.0, NUM_COLOURS)
    corners = np.array(_CORNERS, np.float64).T
    return (
        np.stack([np.interp(at, range(len(_CORNERS)), band) for band in corners], 1).round().astype(np.uint8)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mind", type=Path, help="a mind.gguf that is not the shipped one")
    parser.add_argument("--voices", type=Path, help="a folder of voices, as training/runs/voices")
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    mind = arguments.mind or find("nano").file("mind")
    try:
        voices = find_voices(arguments.voices)
        check_made_for(mind, voices)
    except SensoriumError as e:
        sys.exit(f"training.spectrogram: {e.one_line()}")
    for path in draw(mind, voices, arguments.out):
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
