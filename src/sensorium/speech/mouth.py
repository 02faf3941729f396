"""What a turn's mouth takes and gives, whether a bridge speaks its words or the codec its codes.

Counts time in samples of the turn. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.persona import Voice

Samples = npt.NDArray[np.int16]

# Of what is sent at once: little first, because somebody waits for it, then more.
FIRST_CHUNK_MS, LATER_CHUNK_MS = 40, 200


class WordCodes(NamedTuple):
    """Codes of word number `word` of the reply, 0 for the first: int16 (n, 2), 0 to 999, n >= 0 frames."""

    word: int
    codes: npt.NDArray[np.int16]


class Pcm(NamedTuple):
    """The next samples of the turn, int16 [n] mono, n >= 1."""

    samples: Samples


class Phrase(NamedTuple):
    """All of a phrase's samples have been given: they are [start_sample, end_sample) of the turn."""

    text: str
    start_sample: int
    end_sample: int


class Word(NamedTuple):
    """All of a word's samples have been given: they are [start_sample, end_sample) of the turn."""

    word: int
    start_sample: int
    end_sample: int


Events = Generator[Pcm | Phrase | Word, None, None]


class Mouth(Protocol):
    """One turn. The generators must be used up before the next call; closing one cancels the turn."""

    @property
    def num_samples(self) -> int:
        """Samples given so far."""
        ...

    def feed(self, said: str | WordCodes) -> Events:
        """More of the turn. Raises BadInput, while it runs, for what this mouth does not take."""
        ...

    def flush(self) -> Events:
        """No more will come; the events of what is left."""
        ...


class Engine(Protocol):
    """Opens mouths, one after another or side by side. Not for two threads at once."""

    @property
    def engine(self) -> str: ...

    @property
    def sample_rate_hz(self) -> int: ...

    @property
    def ladder(self) -> tuple[int, ...]:
        """What `frames_at_once` may be, the best first."""
        ...

    @property
    def frames_at_once(self) -> int:
        """How many frames of 40 ms its mouths make in one call of the model after a turn's first chunk."""
        ...

    @frames_at_once.setter
    def frames_at_once(self, num_frames: int) -> None: ...

    def warm_up(self) -> dict[str, object]:
        """Speaks once for nobody. What the front should know of this engine."""
        ...

    def open(self, voice: Voice) -> Mouth:
        """Raises NotFound when there is no such voice."""
        ...

    def close(self) -> None: ...
