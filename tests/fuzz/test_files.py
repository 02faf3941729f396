"""Files from outside with anything in them: each is read or refused in one line, and nothing else happens."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.examples import fuzz
from tests.unit.inference.conftest import Models
from tests.unit.test_audio import wav
from tests.unit.vision.test_picture import jpeg, jpeg_of_size, png, png_of_size

from sensorium.audio import read_wav
from sensorium.bundles import catalogue, gguf_adapter, gguf_file, pronunciations
from sensorium.bundles.senses_file import Projection
from sensorium.errors import BadInput
from sensorium.prompting import format as prompt_formats
from sensorium.vision.picture import decode, thumbnail
from sensorium.voices import card

PIXELS = np.random.default_rng(7).integers(0, 256, (24, 32, 3), dtype=np.uint8)
NANO = catalogue.SHIPPED / "nano"


@contextlib.contextmanager
def refused_in_one_line():
    """What is inside may be refused, in one line that can be printed; any other error is a bug."""
    try:
        yield
    except BadInput as e:
        assert e.message and "\n" not in e.one_line()


@st.composite
def damaged(draw: Callable, file: bytes, head: int) -> bytes:
    """The file with some bytes changed, put in or taken out, most in its first `head`, and maybe cut."""
    data = bytearray(file)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, min(head, len(data) - 1)) | st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["change", "change", "number", "put in", "take out"])):
            case "change":
                data[at] = draw(st.integers(0, 255))
            case "number":
                number = draw(st.sampled_from([0, 1, 0x7F, 0xFFFF, 2**31 - 1, 2**32 - 1]))
                data[at : at + 4] = struct.pack(draw(st.sampled_from("<>")) + "I", number)
            case "put in":
                data[at:at] = draw(st.binary(max_size=8))
            case "take out" if len(data) > 16:
                del data[at : at + draw(st.integers(1, 8))]
        data = data or bytearray(b"\0")
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 4)) == 0 else data)


@fuzz
@given(data=st.data())
def test_wav(tmp_path, data):
    """given any codec, width, channels and rate, with any sound, NaN and infinities among it"""
    bits = data.draw(st.sampled_from([8, 16, 24, 32]))
    codec = data.draw(st.sampled_from([1, 3])) if bits == 32 else 1
    channels, rate = data.draw(st.integers(1, 8)), data.draw(st.sampled_from([7_999, 8_000, 44_100, 96_000]))
    sound = data.draw(st.binary(max_size=800))
    if codec == 3:
        numbers = data.draw(st.lists(st.floats(width=32), max_size=80))
        sound = np.array(numbers, "<f4").tobytes() or sound
    file = wav(sound, codec=codec, channels=channels, rate=rate, bits=bits)
    path = tmp_path / "any.wav"
    path.write_bytes(data.draw(st.just(file) | damaged(file, 60)))
    with refused_in_one_line():
        read = read_wav(path)
        assert read.samples.ndim == 1 and len(read.samples) and read.samples.dtype == np.float32
        assert np.abs(read.samples).max() <= 1.0 and 8_000 <= read.sample_rate_hz <= 96_000


PICTURES = (
    jpeg(PIXELS),
    jpeg(PIXELS[..., :1], colorspace="GRAY", colorsubsampling="Gray"),
    png(PIXELS),
    png(np.dstack([PIXELS, PIXELS[..., :1]]), 6),
    png(PIXELS[..., 0] % 4, 3, palette=bytes(range(12))),
)


@fuzz
@given(file=st.sampled_from(PICTURES).flatmap(lambda file: st.just(file) | damaged(file, 60)))
def test_pictures(file):
    with refused_in_one_line():
        picture = decode(file)
        assert picture.dtype == np.uint8 and picture.shape[2] == 3 and min(picture.shape[:2]) >= 8
    with refused_in_one_line():
        grey = thumbnail(file)
        assert grey.dtype == np.uint8 and grey.ndim == 2 and grey.size


@pytest.mark.parametrize(
    "file",
    [
        jpeg_of_size(30_000, 30_000),
        png_of_size(30_000, 30_000),
        jpeg_of_size(30_000, 16),
        png_of_size(8_192, 8_192),
        jpeg(PIXELS)[:-30],
        png(PIXELS)[:-30],
        b"GIF89a" + bytes(40),
        b"<svg/>",
        b"",
        bytes(1 << 20),
    ],
)
@pytest.mark.parametrize("unpack", [decode, thumbnail])
def test_pictures_that_are_too_large_cut_off_or_none(file, unpack):
    with pytest.raises(BadInput):
        unpack(file)


@fuzz
@given(data=st.data())
def test_gguf(models: Models, tmp_path: Path, data):
    model = gguf_file.read_model(models.dense)
    path = tmp_path / "any.gguf"
    which = data.draw(st.sampled_from([models.dense, models.voice_a]))
    path.write_bytes(data.draw(damaged(which.read_bytes(), 600)))
    with refused_in_one_line():
        gguf_file.fingerprint(gguf_file.read_model(path))
    with refused_in_one_line():
        gguf_adapter.check_numbers(gguf_adapter.read_adapter(path, model).file)
    with refused_in_one_line():
        card.read(path)


TOML = (NANO / "bundle.toml").read_bytes()
LINES = TOML.splitlines(keepends=True)
values = st.sampled_from(
    ['""', "0", "-1", "1e400", "nan", "true", "[]", "{}", '"\\u0000"', '"../../etc/passwd"', "'''\na\nb'''",
     '"' + "x" * 5_000 + '"', "9" * 5_000, "[" * 3_000 + "]" * 3_000, "1979-05-27T07:32:00Z", "[1]", "\xff"]
)  # fmt: skip


@st.composite
def bundles(draw: Callable) -> bytes:
    """nano's bundle.toml with values of any kind in place of its own."""
    lines = list(LINES)
    settings = [n for n, line in enumerate(lines) if b" = " in line]
    for at in draw(st.lists(st.sampled_from(settings), min_size=1, max_size=3)):
        name = lines[at].split(b" = ")[0]
        lines[at] = name + b" = " + draw(values).encode("latin-1") + b"\n"
    return b"".join(lines)


@fuzz
@given(file=bundles() | damaged(TOML, len(TOML)) | st.binary(max_size=200))
def test_bundle_toml(tmp_path: Path, file):
    (tmp_path / "bundle.toml").write_bytes(file)
    with refused_in_one_line():
        bundle = catalogue.find(str(tmp_path))
        for role in ("mind", "ear", "no such role"):
            with refused_in_one_line():
                bundle.file(role)
        for name in bundle.voices:
            with refused_in_one_line():
                bundle.voice(name)
        with refused_in_one_line():
            prompt_formats.from_bundle(bundle.prompt)


@fuzz
@given(name=st.text(max_size=20) | st.sampled_from(["\0", "x" * 5_000, "..", "nano/..", "/dev/null"]))
def test_bundles_by_any_name(name):
    with refused_in_one_line():
        catalogue.find(name)


@fuzz
@given(data=st.data())
def test_senses(tmp_path: Path, data):
    path = tmp_path / "senses.npz"
    np.savez(path, eye_weight=np.ones((3, 4), np.float16), eye_bias=np.zeros(3, np.float16))
    path.write_bytes(data.draw(damaged(path.read_bytes(), 200)))
    with refused_in_one_line():
        assert Projection.load(path, "eye", 4).row(np.ones(4, np.float32)).shape == (1, 3)


@fuzz
@given(text=st.text(alphabet="ab mnI0@\n\t\r\u2028", max_size=60) | st.binary(max_size=60))
def test_pronunciations(tmp_path: Path, text):
    path = tmp_path / "said.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with refused_in_one_line():
        assert all(pronunciations.read(path, ["m", "n", "I"]).values())


def test_a_wrong_name_ending_means_nothing(tmp_path: Path):
    """given a JPEG in a file named .wav and sound in one named .png, then each is what it holds"""
    (tmp_path / "a.wav").write_bytes(simplejpeg.encode_jpeg(PIXELS))
    with pytest.raises(BadInput, match="not a WAV file"):
        read_wav(tmp_path / "a.wav")
    with pytest.raises(BadInput, match="neither a JPEG nor a PNG"):
        decode(wav(bytes(64)))
    assert decode((tmp_path / "a.wav").read_bytes()).shape == PIXELS.shape
