"""WAV files: everything that can be converted is, everything else is refused in one line."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorium.audio import from_int16, read_wav, to_int16, write_wav
from sensorium.errors import BadInput

RATE = 16_000
TONE = (0.5 * np.sin(np.arange(1600) * 0.1)).astype(np.float32)


def wav(
    data: bytes,
    *,
    codec: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    declared: int | None = None,
    frame_bytes: int | None = None,
    extra: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    align = channels * bits // 8 if frame_bytes is None else frame_bytes
    fmt = struct.pack("<HHIIHH", codec, channels, rate, rate * align % 2**32, align, bits) + tail
    body = b"WAVE" + extra + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", len(data) if declared is None else declared) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pcm(samples: np.ndarray, bits: int) -> bytes:
    """Floats as little-endian integers of `bits` bits."""
    if bits == 8:
        return np.round(samples * 127 + 128).astype(np.uint8).tobytes()
    whole = np.round(samples.astype(np.float64) * (2 ** (bits - 1) - 1)).astype("<i8")
    return whole.view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()


@pytest.fixture
def save(tmp_path: Path):
    def _save(content: bytes) -> Path:
        path = tmp_path / "in.wav"
        path.write_bytes(content)
        return path

    return _save


@pytest.mark.parametrize(("bits", "tolerance"), [(8, 1e-2), (16, 1e-4), (24, 1e-6), (32, 1e-6)])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 96_000])
def test_integers_of_every_width_and_rate_are_read(save, bits, tolerance, rate):
    sound = read_wav(save(wav(pcm(TONE, bits), bits=bits, rate=rate)))
    assert sound.sample_rate_hz == rate
    assert sound.samples.dtype == np.float32
    np.testing.assert_allclose(sound.samples, TONE, atol=tolerance)


def test_float_is_read_and_clipped(save):
    sound = read_wav(save(wav((TONE * 4).astype("<f4").tobytes(), codec=3, bits=32)))
    np.testing.assert_allclose(sound.samples, np.clip(TONE * 4, -1, 1))


@pytest.mark.parametrize("channels", [2, 8])
def test_channels_are_mixed_down(save, channels):
    many = np.stack([TONE * (k == 0) for k in range(channels)], axis=1).reshape(-1)
    sound = read_wav(save(wav(pcm(many, 16), channels=channels)))
    np.testing.assert_allclose(sound.samples, TONE / channels, atol=1e-4)


def test_extensible_format_with_other_chunks_is_read(save):
    guid = struct.pack("<HHIH", 22, 24, 0, 1) + bytes.fromhex("000000001000800000aa00389b71")
    odd_chunk = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    sound = read_wav(save(wav(pcm(TONE, 24), codec=0xFFFE, bits=24, tail=guid, extra=odd_chunk)))
    np.testing.assert_allclose(sound.samples, TONE, atol=1e-6)


DATA = pcm(TONE, 16)
TEN_MINUTES = b"\0\0" * (600 * 8000)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"OggS" + b"\0" * 100, "is not a WAV file"),
        (b"RIFF\x24\0\0\0WAVE", "ends before a format"),
        (wav(DATA)[:30], "cut short"),
        (wav(DATA)[:40], "ends before sound"),
        (wav(DATA)[:-1], "cut short: 1599 of 1600"),
        (wav(DATA, declared=0xFFFFFFFF), "cut short"),
        (wav(DATA + b"\0"), "middle of a sample"),
        (wav(b""), "no sound"),
        (wav(TEN_MINUTES, rate=8000), "600 s"),
        (wav(DATA, codec=2, bits=4), "codec 2, 4 bits"),
        (wav(DATA, codec=0x55, bits=0), "codec 85"),
        (wav(DATA, codec=3, bits=64), "codec 3, 64 bits"),
        (wav(DATA, bits=12), "12 bits"),
        (wav(DATA, channels=0, frame_bytes=2), "0 channels"),
        (wav(DATA, channels=9), "9 channels"),
        (wav(DATA, channels=65_535, frame_bytes=2), "65535 channels"),
        (wav(DATA, rate=4_000), "4000 Hz"),
        (wav(DATA, rate=192_000), "192000 Hz"),
        (wav(DATA, rate=0), "0 Hz"),
        (wav(DATA, frame_bytes=0), "0 bytes a sample"),
        (wav(np.full(10, np.nan, "<f4").tobytes(), codec=3, bits=32), "not numbers"),
        (wav(DATA, extra=b"LIST\xff\xff\xff\xff"), "cut short"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_with_a_remedy(save, content, says):
    with pytest.raises(BadInput, match=says) as refusal:
        read_wav(save(content))
    assert refusal.value.remedy
    assert "\n" not in refusal.value.one_line()


def test_missing_files_folders_and_devices_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        read_wav(tmp_path / "none.wav")
    with pytest.raises(BadInput, match="folder"):
        read_wav(tmp_path)
    with pytest.raises(BadInput, match="device"):
        read_wav("/dev/zero")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 200),
)
def test_no_damage_to_a_header_does_more_than_bad_input(tmp_path, changes, cut):
    """given a valid file with bytes of its head changed and cut anywhere, then it is read or refused."""
    content = bytearray(wav(pcm(TONE[:64], 16), extra=b"LIST" + struct.pack("<I", 4) + b"abcd"))
    for at, value in changes:
        content[at] = value
    path = tmp_path / "fuzz.wav"
    path.write_bytes(content[:cut])
    try:
        sound = read_wav(path)
    except BadInput:
        return
    assert 0 < len(sound.samples) <= 128
    assert np.abs(sound.samples).max() <= 1.0


def test_written_sound_comes_back(tmp_path):
    write_wav(tmp_path / "a.wav", TONE, 22_050)
    sound = read_wav(tmp_path / "a.wav")
    assert sound.sample_rate_hz == 22_050
    np.testing.assert_allclose(sound.samples, TONE, atol=1e-4)
    assert os.listdir(tmp_path) == ["a.wav"]


def test_int16_survives_unchanged(tmp_path):
    exact = np.array([-32768, -1, 0, 1, 32767], np.int16)
    write_wav(tmp_path / "a.wav", exact, RATE)
    np.testing.assert_array_equal(read_wav(tmp_path / "a.wav").samples, from_int16(exact))


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 2), np.int16), np.zeros(4, np.float64), np.array([np.inf], np.float32)]
)
def test_sound_of_another_form_is_not_written(tmp_path, samples):
    with pytest.raises(BadInput):
        write_wav(tmp_path / "a.wav", samples, RATE)
    assert not list(tmp_path.iterdir())


def test_a_refusing_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    write_wav(path, TONE, RATE)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BadInput, match="No space left"):
        write_wav(path, TONE[:10], RATE)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.wav"]


def test_a_device_is_not_replaced_and_a_link_is_followed(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match="not a file"):
        write_wav(pipe, TONE, RATE)
    assert pipe.is_fifo()

    target, link = tmp_path / "target.wav", tmp_path / "link.wav"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_wav(link, TONE, RATE)
    assert link.is_symlink()
    assert len(read_wav(target).samples) == len(TONE)


def test_to_int16_clips():
    assert to_int16(np.array([2.0, -2.0, 0.5], np.float32)).tolist() == [32767, -32767, 16384]


def test_loud_floats_that_add_up_to_no_number_are_refused(save):
    """given two channels each near the largest float, when mixed down, then no warning and no infinity"""
    content = wav(np.full(8, 3e38, "<f4").tobytes(), codec=3, bits=32, channels=2)
    assert read_wav(save(content)).samples.tolist() == [1.0] * 4
