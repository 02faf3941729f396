"""The mind's own ear: a row for each word, and the words for captions and the history, in the same pass.

Knows nothing of utterances' borders, nor of the mind beyond its width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles.senses_file import Projection
from sensorium.errors import BundleError
from sensorium.hearing.encoder import EarModel
from sensorium.hearing.engine import Hypothesis
from sensorium.hearing.words import Reader, State

STATE_WIDTH = 256


class NativeEar:
    """An `Engine` with rows: each is the ear's state, projected, in the frame in which the word begins.

    Raises BundleError when the ear's states are not what the projection takes. Source: decision 6.
    """

    engine = "native"
    is_bridge = False

    def __init__(self, model: EarModel, projection: Projection) -> None:
        if model.state_width != STATE_WIDTH:
            raise BundleError(f"the ear's states are {model.state_width} wide, not {STATE_WIDTH}")
        self._reader = Reader(model)
        self._projection = projection

    def feed(self, pcm: NDArray[np.float32]) -> Hypothesis:
        return self._hypothesis(self._reader.feed(pcm))

    def finish(self) -> Hypothesis:
        return self._hypothesis(self._reader.finish())

    def reset(self) -> None:
        self._reader.reset()

    def _hypothesis(self, states: list[State]) -> Hypothesis:
        # One by one, so that rounding does not depend on how the sound was cut.
        rows = [np.zeros((0, self._projection.width), np.float32), *map(self._projection.row, states)]
        return Hypothesis(self._reader.text, self._reader.confidence, np.concatenate(rows))
