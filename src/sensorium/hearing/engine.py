"""What the listener asks of any ear: sound in, words of one utterance out, and embeddings where it can.

Knows no model, no bridge, and nothing of where utterances begin.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

NO_ROWS = np.zeros((0, 0), np.float32)
NO_ROWS.flags.writeable = False


class Hypothesis(NamedTuple):
    """What an engine makes of the utterance so far.

    `text`: all its words, lower-case, "" when none yet. `confidence`: 0 to 1, 1.0 of engines that do not say.
    `rows`: float32 (n, width of the mind), those of the words that are new with this call, so that row i of
    an utterance is word i of its text; none of bridges.
    """

    text: str
    confidence: float = 1.0
    rows: NDArray[np.float32] = NO_ROWS


class Engine(Protocol):
    """One stream of utterances. `is_bridge`: a model that stands between the sound and the mind."""

    engine: str
    is_bridge: bool

    def feed(self, pcm: NDArray[np.float32]) -> Hypothesis:
        """`pcm` float32 (n,), 16 kHz, any n. Raises BadInput for another shape or type."""
        ...

    def finish(self) -> Hypothesis:
        """The utterance is over: with what was still on its way. Then call `reset`."""
        ...

    def reset(self) -> None:
        """Forgets the utterance; the next `feed` begins another."""
        ...


def check_pcm(pcm: NDArray[np.float32]) -> None:
    """Raises BadInput unless `pcm` is float32 (n,) and finite: a NaN would stay in every state behind it."""
    if pcm.ndim != 1 or pcm.dtype != np.float32:
        raise BadInput(f"the ear takes float32 (n,), not {pcm.dtype} {pcm.shape}")
    if not np.isfinite(pcm).all():
        raise BadInput("the ear takes finite numbers; this sound has others")
