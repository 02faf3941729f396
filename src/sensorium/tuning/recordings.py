"""Recordings and what is said in them, read from a folder and checked; what cannot be used is named.

Two layouts: X.wav beside X.txt, or one metadata.csv with lines "file|text". Knows nothing of models; which
words can be said it is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.audio import Sound, read_wav
from sensorium.errors import BadInput
from sensorium.hearing.resample import Resampler
from sensorium.prompting.words import spoken

LAYOUT = 'X.wav with X.txt beside it, or one metadata.csv with lines "file|text"'
METADATA = "metadata.csv"
STOP = "."
SAMPLE_RATE_HZ = 16_000

MIN_RATE_HZ = 16_000
MIN_SECONDS, MAX_SECONDS = 0.4, 15.0
MAX_WORDS = 40
MAX_FILES = 20_000
MAX_TEXT_BYTES = 4_000
MAX_METADATA_BYTES = 8_000_000

# Sound as the codec knows it: peaks of about a half. What is near is left as it is, and what is moved is
# moved as a whole, so that loud sentences stay louder than soft ones.
_USUAL_PEAKS, _WANTED_PEAK = (0.25, 0.75), 0.45
_CLIPPED, _CLIPPED_SHARE = 0.999, 0.002
_SILENT_PEAK = 0.01
# Of silence before and after, more is cut off: a voice would learn to wait.
_QUIET = 0.02  # of the peak
_BEFORE, _AFTER = SAMPLE_RATE_HZ // 10, SAMPLE_RATE_HZ * 3 // 10


class Recording(NamedTuple):
    """`words` in spoken form, a "." at the end. `samples` float32 (n,), 16 kHz."""

    name: str
    words: tuple[str, ...]
    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


class LeftOut(NamedTuple):
    name: str
    reason: str


class _Pair(NamedTuple):
    """A sound file and its text, or the file of it; None when there is none."""

    name: str
    wav: Path
    text: str | Path | None


def read_folder(
    folder: Path, known_words: Collection[str], *, max_seconds: float
) -> tuple[list[Recording], list[LeftOut]]:
    """The recordings of a folder that can be used, in order of their names, at most `max_seconds` of them,
    and the others. Raises BadInput when the folder or its metadata.csv cannot be read at all."""
    recordings: list[Recording] = []
    left_out: list[LeftOut] = []
    seconds = 0.0
    for pair in _pairs(folder):
        if seconds >= max_seconds:
            left_out.append(LeftOut(pair.name, f"there are {max_seconds / 60:.0f} minutes without it"))
            continue
        try:
            text = _read_text(pair.text, MAX_TEXT_BYTES) if isinstance(pair.text, Path) else pair.text
            recording = Recording(pair.name, check_words(text, known_words), _read(pair.wav))
        except BadInput as e:
            left_out.append(LeftOut(pair.name, e.message))
            continue
        recordings.append(recording)
        seconds += recording.seconds
    return _levelled(recordings), left_out


def check_words(text: str | None, known_words: Collection[str]) -> tuple[str, ...]:
    """What is said, as the mind writes it: lower-case words and a "." at the end. Raises BadInput with the
    reason when that is nothing, too much, or outside `known_words`."""
    if text is None:
        raise BadInput("it has no transcript")
    words = spoken(text).split()
    if not words or words == [STOP]:
        raise BadInput("its transcript has no words")
    if len(words) > MAX_WORDS:
        raise BadInput(f"{len(words)} words, at most {MAX_WORDS}")
    strange = sorted({word for word in words if word != STOP and word not in known_words})
    if strange:
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise BadInput(f"words that the model's ear does not know: {', '.join(strange[:3])}{more}")
    return (*words, *(() if words[-1] == STOP else (STOP,)))


def check_sound(sound: Sound) -> None:
    """Raises BadInput with the reason when no voice can be learnt from it."""
    if sound.sample_rate_hz < MIN_RATE_HZ:
        raise BadInput(f"{sound.sample_rate_hz} Hz; a voice needs {MIN_RATE_HZ} or more")
    if not MIN_SECONDS <= sound.seconds <= MAX_SECONDS:
        raise BadInput(f"it lasts {sound.seconds:.1f} s, not {MIN_SECONDS} to {MAX_SECONDS:.0f} s")
    size = np.abs(sound.samples)
    if float(size.max()) < _SILENT_PEAK:
        raise BadInput("it is silent")
    if float((size >= _CLIPPED).mean()) > _CLIPPED_SHARE:
        raise BadInput("it is clipped: recorded too loud")


def _read(path: Path) -> NDArray[np.float32]:
    sound = read_wav(path)
    check_sound(sound)
    resampler = Resampler(sound.sample_rate_hz)
    samples = np.concatenate((resampler.feed(sound.samples), resampler.flush()))
    return trimmed(samples)


def trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without what is more than 0.1 s of silence before the first sound and 0.3 s after the last."""
    loud = np.flatnonzero(np.abs(samples) > _QUIET * np.abs(samples).max())
    return samples[max(0, int(loud[0]) - _BEFORE) : int(loud[-1]) + 1 + _AFTER] if len(loud) else samples


def _levelled(recordings: list[Recording]) -> list[Recording]:
    if not recordings:
        return []
    peak = float(np.median([np.abs(r.samples).max() for r in recordings]))
    if _USUAL_PEAKS[0] <= peak <= _USUAL_PEAKS[1]:
        return recordings
    gain = np.float32(_WANTED_PEAK / peak)
    return [r._replace(samples=np.clip(r.samples * gain, -1.0, 1.0)) for r in recordings]


def _pairs(folder: Path) -> list[_Pair]:
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder", remedy=f"name a folder with {LAYOUT}")
    metadata = folder / METADATA
    pairs = list(_listed(folder, metadata) if metadata.exists() else _beside(folder))
    if not pairs:
        raise BadInput(f"{folder} has no recordings", remedy=f"it should hold {LAYOUT}")
    if len(pairs) > MAX_FILES:
        raise BadInput(f"{folder} has {len(pairs)} recordings, at most {MAX_FILES}")
    return pairs


def _beside(folder: Path) -> Iterator[_Pair]:
    for wav in sorted(folder.iterdir()):
        if wav.suffix.lower() == ".wav" and wav.is_file():
            text = wav.with_suffix(".txt")
            yield _Pair(wav.name, wav, text if text.is_file() else None)


def _listed(folder: Path, metadata: Path) -> Iterator[_Pair]:
    seen: set[str] = set()
    for number, line in enumerate(_read_text(metadata, MAX_METADATA_BYTES).splitlines(), 1):
        if not line.strip():
            continue
        name, bar, text = (piece.strip() for piece in line.partition("|"))
        if not bar or not name or "|" in text:
            raise BadInput(f"{metadata}, line {number}, is not file|text", remedy="one recording a line")
        wav = (folder / (name if name.lower().endswith(".wav") else f"{name}.wav")).resolve()
        if not wav.is_relative_to(folder.resolve()):
            raise BadInput(f"{metadata}, line {number}: {name} points outside the folder")
        if name in seen:
            raise BadInput(f"{metadata}, line {number}: {name} stands there twice")
        seen.add(name)
        yield _Pair(name, wav, text)


def _read_text(path: Path, max_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise BadInput(f"{path} is longer than {max_bytes} bytes", remedy="a transcript is short text")
        return data.decode("utf-8-sig")
    except OSError as e:
        raise BadInput(f"{path} cannot be read: {e.strerror}", remedy="check its permissions") from e
    except UnicodeDecodeError as e:
        raise BadInput(f"{path} is not UTF-8 text", remedy="save it as UTF-8") from e
