"""WAV files in and out, and the one form of sound inside the house: mono, float32 or int16.

Believes nothing that a header says before it was compared with the file. Knows nothing of resampling.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 96_000
MAX_CHANNELS = 8
MAX_SECONDS = 60.0

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_MAX_CHUNKS = 256
_MAX_FORMAT_BYTES = 64
_CONVERT = "convert it, for example with: ffmpeg -i FILE -ac 1 -c:a pcm_s16le out.wav"
_AGAIN = "record or copy the file again"


Samples = NDArray[np.float32] | NDArray[np.int16]


class Sound(NamedTuple):
    """Mono sound. `samples` float32 (n,), n > 0, -1 to 1."""

    samples: NDArray[np.float32]
    sample_rate_hz: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate_hz


class _Format(NamedTuple):
    codec: int
    num_channels: int
    rate_hz: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        return self.num_channels * self.bits // 8


def read_wav(path: Path | str, *, max_seconds: float = MAX_SECONDS) -> Sound:
    """Reads PCM of 8, 16, 24 or 32 bits or 32-bit float, 1 to 8 channels (mixed down), 8 to 96 kHz.

    Raises BadInput, in one line with a remedy, for anything else: absent, a folder, another format, cut
    short, empty, longer than `max_seconds`, or a header that makes no sense. Memory is taken for what the
    file holds.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file", remedy="check the path")
    if not path.is_file():
        raise BadInput(f"{path} is a folder or a device, not a WAV file", remedy="name a .wav file")
    try:
        with path.open("rb") as file:
            data, form = _read_data(path, file, path.stat().st_size, max_seconds)
    except OSError as e:
        raise BadInput(f"{path} cannot be read: {e.strerror}", remedy="check its permissions") from e
    return _sound(str(path), data, form)


def parse_wav(data: bytes, name: str, *, max_seconds: float = MAX_SECONDS) -> Sound:
    """The same from a file's bytes; `name` stands in errors."""
    return _sound(name, *_read_data(name, io.BytesIO(data), len(data), max_seconds))


def write_wav(path: Path | str, samples: Samples, sample_rate_hz: int) -> None:
    """Writes mono 16-bit PCM; the file appears whole or not at all.

    `samples` int16 or float32 (n,), floats beyond -1 to 1 are clipped. Raises BadInput when `samples` has
    another form, the rate is out of range, or the disk refuses.
    """
    path = Path(path)
    _write_whole(path, wav_bytes(samples, sample_rate_hz))


def wav_bytes(samples: Samples, sample_rate_hz: int) -> bytes:
    """A whole WAV file of mono 16-bit PCM. Raises BadInput as `write_wav`."""
    pcm = to_int16(samples)
    if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
        raise BadInput(f"{sample_rate_hz} Hz is not between {MIN_RATE_HZ} and {MAX_RATE_HZ}")
    num_bytes = pcm.nbytes
    head = struct.pack("<4sI4s", b"RIFF", 36 + num_bytes, b"WAVE")
    head += struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, sample_rate_hz, sample_rate_hz * 2, 2, 16)
    head += struct.pack("<4sI", b"data", num_bytes)
    return head + pcm.astype("<i2").tobytes()


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Float32 -1 to 1 (clipped) or int16 (as it is), shape (n,), as int16. Raises BadInput otherwise."""
    if samples.ndim != 1:
        raise BadInput(f"mono sound has one dimension, not {samples.ndim}")
    if samples.dtype == np.int16:
        return np.asarray(samples, np.int16)
    if samples.dtype != np.float32 or not np.isfinite(samples).all():
        raise BadInput(f"sound must be int16 or finite float32, not {samples.dtype}")
    scaled = np.clip(np.asarray(samples, np.float32), -1.0, 1.0) * np.float32(32767.0)
    return np.round(scaled).astype(np.int16)


def from_int16(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """int16 (n,) as float32 -1 to 1."""
    return samples.astype(np.float32) / np.float32(32768.0)


def _sound(path: str, data: bytes, form: _Format) -> Sound:
    channels = _to_float(data, form).reshape(-1, form.num_channels)
    if not np.isfinite(channels).all():
        raise BadInput(f"{path} holds values that are not numbers", remedy=_CONVERT)
    # Two of the largest float32 add up to none.
    samples = channels.mean(axis=1, dtype=np.float64)
    return Sound(np.clip(samples, -1.0, 1.0).astype(np.float32), form.rate_hz)


def _read_data(
    path: Path | str, file: BinaryIO, file_bytes: int, max_seconds: float
) -> tuple[bytes, _Format]:
    riff = file.read(12)
    if len(riff) < 12 or riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        what = "is empty" if not riff else "is not a WAV file"
        raise BadInput(f"{path} {what}", remedy=_CONVERT if riff else _AGAIN)
    form: _Format | None = None
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        name, size = head[:4], int.from_bytes(head[4:], "little")
        left = file_bytes - file.tell()
        if name == b"data" and form is not None:
            _check_length(path, form, size, left, max_seconds)
            return file.read(size), form
        if name == b"data" or size > left:
            break
        if name == b"fmt ":
            form = _parse_format(path, file.read(min(size, _MAX_FORMAT_BYTES)))
            file.seek(max(0, size - _MAX_FORMAT_BYTES) + size % 2, os.SEEK_CUR)
        else:
            file.seek(size + size % 2, os.SEEK_CUR)
    missing = "sound" if form else "a format"
    raise BadInput(f"{path} is cut short or damaged: it ends before {missing}", remedy=_AGAIN)


def _check_length(path: Path | str, form: _Format, size: int, left: int, max_seconds: float) -> None:
    if size == 0:
        raise BadInput(f"{path} has no sound in it", remedy=_AGAIN)
    if size > left:
        promised, there = size // form.frame_bytes, left // form.frame_bytes
        raise BadInput(f"{path} is cut short: {there} of {promised} samples are there", remedy=_AGAIN)
    if size % form.frame_bytes:
        raise BadInput(f"{path} ends in the middle of a sample", remedy=_AGAIN)
    seconds = size / form.frame_bytes / form.rate_hz
    if seconds > max_seconds:
        raise BadInput(
            f"{path} lasts {seconds:.0f} s, longer than {max_seconds:.0f} s",
            remedy="cut it into shorter files",
        )


def _parse_format(path: Path | str, data: bytes) -> _Format:
    if len(data) < 16:
        raise BadInput(f"{path} is damaged: its format is only {len(data)} bytes long", remedy=_AGAIN)
    codec, num_channels, rate_hz, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", data)
    if codec == _EXTENSIBLE and len(data) >= 40 and data[26:40] == _GUID_TAIL:
        codec = int.from_bytes(data[24:26], "little")
    if (codec, bits) not in {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32)}:
        raise BadInput(
            f"{path} is coded in a way that is not read (codec {codec}, {bits} bits)", remedy=_CONVERT
        )
    if not 1 <= num_channels <= MAX_CHANNELS:
        raise BadInput(f"{path} has {num_channels} channels, not 1 to {MAX_CHANNELS}", remedy=_CONVERT)
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise BadInput(f"{path} has {rate_hz} Hz, not {MIN_RATE_HZ} to {MAX_RATE_HZ}", remedy=_CONVERT)
    form = _Format(codec, num_channels, rate_hz, bits)
    if frame_bytes != form.frame_bytes:
        raise BadInput(
            f"{path} is damaged: {frame_bytes} bytes a sample, not {form.frame_bytes}", remedy=_AGAIN
        )
    return form


def _to_float(data: bytes, form: _Format) -> NDArray[np.float32]:
    if form.codec == _FLOAT:
        return np.frombuffer(data, "<f4").astype(np.float32)
    if form.bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / np.float32(128.0)
    if form.bits == 16:
        return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)
    if form.bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (wide.view("<i4")[:, 0].astype(np.float64) / 2**31).astype(np.float32)
    return (np.frombuffer(data, "<i4").astype(np.float64) / 2**31).astype(np.float32)


def _write_whole(path: Path, data: bytes) -> None:
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        # The rename below would put a file in the place of /dev/null.
        raise BadInput(f"{path} is a folder or a device, not a file", remedy="name a .wav file")
    part = ""
    try:
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError as e:
        if part:
            with suppress(OSError):
                os.unlink(part)
        raise BadInput(
            f"{path} cannot be written: {e.strerror}", remedy="free some space or choose another folder"
        ) from e
