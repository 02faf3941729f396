"""Silero's VAD in numpy against the outputs of Silero's own ONNX file (golden, made by convert_vad)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.audio import from_int16
from sensorium.errors import BadInput
from sensorium.hearing.vad import Vad

GOLDEN = np.load(Path(__file__).with_name("vad_golden.npz"))
PCM = from_int16(GOLDEN["pcm"])
WINDOWS = PCM[: len(PCM) // 512 * 512].reshape(-1, 512)


def test_every_probability_is_that_of_the_onnx_file():
    vad = Vad()
    ours = np.array([vad.feed(window) for window in WINDOWS])
    assert np.abs(ours - GOLDEN["probabilities"]).max() < 2e-5
    assert ours.max() > 0.99
    assert ours.min() < 0.01


def test_reset_forgets_the_stream():
    vad = Vad()
    first = [vad.feed(window) for window in WINDOWS[:30]]
    vad.reset()
    assert [vad.feed(window) for window in WINDOWS[:30]] == first


@pytest.mark.parametrize(
    "window", [np.zeros(511, np.float32), np.zeros(512, np.float64), np.zeros((1, 512), np.float32)]
)
def test_windows_of_another_form_are_refused(window):
    with pytest.raises(BadInput, match="512"):
        Vad().feed(window)
