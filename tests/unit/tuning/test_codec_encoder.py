"""The shipped encoder: codes of the right number and range from any sound, and files that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the codec's encoder runs on torch")

from sensorium.bundles.catalogue import find  # noqa: E402
from sensorium.errors import BundleError  # noqa: E402
from sensorium.speech.codec import check_codes  # noqa: E402
from sensorium.tuning import codec_encoder  # noqa: E402


@pytest.fixture(scope="module")
def encoder() -> codec_encoder.Encoder:
    return codec_encoder.load(find("nano").file("codec_encoder"))


def sound(num_samples: int) -> np.ndarray:
    """A gliding voice with a formant, breath and a pause."""
    t = np.arange(num_samples) / 16_000
    rng = np.random.default_rng(4)
    phase = 2 * np.pi * np.cumsum(110 + 60 * np.sin(3 * t)) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * (np.sin(5 * t) > -0.5)
    return (0.1 * voice + 0.01 * rng.standard_normal(num_samples)).astype(np.float32)


@pytest.mark.parametrize("num_samples", [1, 639, 640, 16_000, 40_123])
def test_every_sound_has_codes_of_the_right_number(encoder: codec_encoder.Encoder, num_samples: int) -> None:
    samples = sound(num_samples)
    codes = codec_encoder.encode(encoder, samples)
    assert codes.shape == (-(-num_samples // 640), 2) and codes.dtype == np.int64
    check_codes(codes)
    # and what lies before a sound's end does not depend on where it ends
    longer = codec_encoder.encode(encoder, sound(num_samples + 6_400))
    assert longer[: len(codes) // 2].tolist() == codes[: len(codes) // 2].tolist()


def test_silence_and_nothing_have_codes_and_none(encoder: codec_encoder.Encoder) -> None:
    assert len(codec_encoder.encode(encoder, np.zeros(6_400, np.float32))) == 10
    assert codec_encoder.encode(encoder, np.zeros(0, np.float32)).shape == (0, 2)


@pytest.mark.parametrize("damage", ["absent", "text", "missing", "shape", "nan", "type"])
def test_what_is_no_encoder_is_refused(tmp_path: Path, encoder: codec_encoder.Encoder, damage: str) -> None:
    path = tmp_path / "encoder.npz"
    values = {name: value.numpy().astype(np.float16) for name, value in encoder.state_dict().items()}
    match damage:
        case "missing":
            values.pop("out.bias")
        case "shape":
            values["out.bias"] = values["out.bias"][:-1]
        case "nan":
            values["out.bias"][0] = np.nan
        case "type":
            values["out.bias"] = np.array(["a"] * 8)
    if damage == "text":
        path.write_text("this is a diary")
    elif damage != "absent":
        np.savez(path, **values)
    with pytest.raises(BundleError, match=r"encoder\.npz"):
        codec_encoder.load(path)
