"""A microphone in real time into which a bench speaks: quiet noise, and recordings when it says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from sensorium.audio import read_wav, to_int16
from sensorium.clock import Clock

RATE_HZ = 16_000
PIECE_SAMPLES = 320
_LOUD = 200  # of 32768: what is quieter is the edge of a recording
_NOISE = 6

Samples = NDArray[np.int16]


class Spoken(NamedTuple):
    """When the first and the last loud sample of a recording had been sent."""

    first_s: float
    last_s: float


class Over(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recording of what people say over a reply; see sounds/sounds.toml."""

    wav: str
    words: str
    kind: str
    voice: str


class _Overs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sound: tuple[Over, ...]


class Microphone:
    """`sound` is what the house hears, until `close`."""

    def __init__(self, clock: Clock, seed: int = 1) -> None:
        self._clock = clock
        self._draw = np.random.default_rng(seed)
        self._waiting: list[tuple[Samples, asyncio.Future[Spoken]]] = []
        self._closed = False

    async def say(self, samples: Samples) -> Spoken:
        """Sends the recording from now on; returns when all of it was sent."""
        done: asyncio.Future[Spoken] = asyncio.get_running_loop().create_future()
        self._waiting.append((samples, done))
        return await done

    def close(self) -> None:
        self._closed = True

    async def sound(self) -> AsyncIterator[bytes]:
        started_s, num_sent = self._clock.now_s(), 0
        while not self._closed:
            samples, done = (
                self._waiting.pop(0) if self._waiting else (np.zeros(PIECE_SAMPLES, np.int16), None)
            )
            loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _LOUD)
            times_s: list[float] = []
            for at in range(0, len(samples), PIECE_SAMPLES):
                piece = np.pad(
                    samples[at : at + PIECE_SAMPLES],
                    (0, -len(samples[at : at + PIECE_SAMPLES]) % PIECE_SAMPLES),
                )
                num_sent += len(piece)
                await asyncio.sleep(max(0.0, started_s + num_sent / RATE_HZ - self._clock.now_s()))
                noise = self._draw.normal(0, _NOISE, len(piece)).astype(np.int16)
                yield (piece + noise).astype("<i2").tobytes()
                times_s.append(self._clock.now_s())
            if done is not None and not done.cancelled():
                done.set_result(Spoken(times_s[loud[0] // PIECE_SAMPLES], times_s[loud[-1] // PIECE_SAMPLES]))


def recording(path: Path) -> Samples:
    """A WAV file at 16 kHz as int16."""
    return to_int16(read_wav(path).samples).astype(np.int16)


def over_replies() -> list[tuple[Over, Samples]]:
    """The recordings that ship."""
    folder = Path(str(resources.files("sensorium.bench") / "sounds"))
    listed = msgspec.toml.decode((folder / "sounds.toml").read_bytes(), type=_Overs).sound
    return [(one, recording(folder / one.wav)) for one in listed]


def cough(draw: np.random.Generator) -> Samples:
    """Two bursts of noise, the second one weaker."""
    bursts = []
    for level, seconds in ((9_000, 0.09), (0, 0.06), (6_000, 0.12)):
        num = round(seconds * RATE_HZ)
        fade = np.exp(-np.arange(num) / (0.35 * num))
        smooth = np.convolve(draw.normal(0, 1, num), np.ones(4) / 2, "same")
        bursts.append(level * fade * smooth)
    return np.clip(np.concatenate(bursts), -32_000, 32_000).astype(np.int16)


def door(draw: np.random.Generator) -> Samples:
    """A thump: low, loud and soon over."""
    num = round(0.3 * RATE_HZ)
    time_s = np.arange(num) / RATE_HZ
    thump = np.sin(2 * np.pi * 70 * time_s) + 0.4 * draw.normal(0, 1, num)
    return np.clip(16_000 * thump * np.exp(-time_s / 0.06), -32_000, 32_000).astype(np.int16)
