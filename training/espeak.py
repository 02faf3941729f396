"""Speech with exact alignments from espeak-ng's C library: samples, words and phonemes with positions.

The library is global state and GPL: only training programs load it, in a process of their own, one engine per
process. Knows nothing of models, noise or what is worth saying.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingExtra

SAMPLE_RATE_HZ = 16_000
_ENGINE_RATE_HZ = 22_050
_UP, _DOWN = 320, 441
_SEED = 1
_PEAK_SCALE = 0.5  # the engine peaks at full scale after resampling

_AUDIO_SYNCHRONOUS = 2
_PHONEME_EVENTS = 1
_CHARS_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
_EVENT_WORD, _EVENT_PHONEME = 1, 7


class WordMark(NamedTuple):
    """A word begins at `sample` (16 kHz), in the text at `character`. Some short words have no mark."""

    sample: int
    character: int


class PhonemeMark(NamedTuple):
    """A phoneme, stress marks included, begins at `sample` (16 kHz). Names that begin with "_" are pauses."""

    sample: int
    name: str


class Speech(NamedTuple):
    """`samples` float32 (n,), 16 kHz, about -0.5 to 0.5, with what was said when."""

    samples: NDArray[np.float32]
    words: list[WordMark]
    phonemes: list[PhonemeMark]


class Style(NamedTuple):
    """A voice is a language, maybe with a variant ("en-us+f3"). Pitch and its range: 0 to 99."""

    voice: str = "en-us"
    speed_wpm: int = 160
    pitch: int = 50
    pitch_range: int = 50
    word_gap_10ms: int = 0


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Engine:
    """The process's one speaker. Use `engine()`; a second one would steal the first one's callback."""

    def __init__(self) -> None:
        loader = _loader()
        self._lib: Any = ctypes.CDLL(loader.get_library_path())
        rate = self._lib.espeak_Initialize(
            _AUDIO_SYNCHRONOUS, 0, loader.get_data_path().encode(), _PHONEME_EVENTS
        )
        if rate != _ENGINE_RATE_HZ:
            raise MissingExtra(
                f"espeak-ng did not start (code {rate})", remedy="install espeakng-loader again"
            )
        self._lib.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))  # some voices draw their breath from rand()
        self._pcm: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, int, int, str]] = []
        self._callback = _Callback(self._collect)  # kept: the library holds only a pointer
        self._lib.espeak_SetSynthCallback(self._callback)
        self._voice = ""

    def speak(self, text: str, style: Style) -> Speech:
        """Synthesizes `text`. Raises BadInput when the voice does not exist."""
        self._apply(style)
        self._pcm.clear()
        self._events.clear()
        data = text.encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        pcm = np.concatenate(self._pcm) if self._pcm else np.zeros(0, np.int16)
        samples = resample_to_16k(pcm.astype(np.float32) * np.float32(_PEAK_SCALE / 32768.0))
        marks = [(kind, at, _at_16k(sample), name) for kind, at, sample, name in self._events]
        words = [WordMark(sample, at - 1) for kind, at, sample, _ in marks if kind == _EVENT_WORD]
        starts = spread([(sample, name) for _, _, sample, name in marks])
        phonemes = [PhonemeMark(*mark) for mark in starts if mark[1]]
        return Speech(samples, words, phonemes)

    def _apply(self, style: Style) -> None:
        if style.voice != self._voice:
            if self._lib.espeak_SetVoiceByName(style.voice.encode()) != 0:
                raise BadInput(f"espeak-ng has no voice called {style.voice!r}")
            self._voice = style.voice
        for parameter, value in (
            (_RATE, style.speed_wpm),
            (_VOLUME, 100),
            (_PITCH, style.pitch),
            (_RANGE, style.pitch_range),
            (_WORD_GAP, style.word_gap_10ms),
        ):
            self._lib.espeak_SetParameter(parameter, value, 0)

    def _collect(self, pcm: Any, count: int, events: Any) -> int:
        if count > 0 and pcm:
            self._pcm.append(np.ctypeslib.as_array(pcm, (count,)).copy())
        i = 0
        while events[i].type != 0:
            event = events[i]
            if event.type in (_EVENT_WORD, _EVENT_PHONEME):
                name = (
                    bytes(event.id.string).decode("utf-8", "replace") if event.type == _EVENT_PHONEME else ""
                )
                self._events.append((event.type, event.text_position, event.sample, name))
            i += 1
        return 0


def spread(marks: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """(sample, phoneme or "" for a word), in the engine's order. It speaks a vowel and the "l", "m" or "n"
    after it as one and marks the second at its end, where the next word may begin: that one is given the last
    third."""
    found = list(marks)
    for i in range(1, len(marks) - 1):
        (before, vowel), (sample, name), (after, _) = found[i - 1], marks[i], marks[i + 1]
        if name and vowel and sample == after and not name.startswith("_"):
            found[i] = (before + 2 * (sample - before) // 3, name)
    return found


@cache
def engine() -> Engine:
    """This process's engine, started on first use. Raises MissingExtra without espeakng-loader."""
    return Engine()


def resample_to_16k(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """22.05 kHz -> 16 kHz by a windowed sinc, as one matrix product: 441 samples in, 320 out, repeated."""
    if len(samples) == 0:
        return np.zeros(0, np.float32)
    blocks = -(-len(samples) // _DOWN)
    padded = np.zeros(blocks * _DOWN + 2 * _TAPS, np.float32)
    padded[_TAPS : _TAPS + len(samples)] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, _DOWN + 2 * _TAPS)[::_DOWN]
    out = (windows @ _resample_matrix()).reshape(-1)
    return np.ascontiguousarray(out[: _at_16k(len(samples))])


_TAPS = 24


@cache
def _resample_matrix() -> NDArray[np.float32]:
    ours = np.arange(_UP) * (_DOWN / _UP)
    theirs = np.arange(_DOWN + 2 * _TAPS) - _TAPS
    distance = theirs[:, None] - ours[None, :]
    cutoff = 0.95 * _UP / _DOWN
    window = np.where(np.abs(distance) <= _TAPS, np.cos(np.pi * distance / (2 * _TAPS)) ** 2, 0.0)
    return (cutoff * np.sinc(cutoff * distance) * window).astype(np.float32)


def _at_16k(sample: int) -> int:
    return sample * _UP // _DOWN


def _loader() -> Any:
    try:
        import espeakng_loader
    except ImportError as e:
        raise MissingExtra("espeakng-loader is not installed", remedy="pip install 'sensorium[train]'") from e
    return espeakng_loader
