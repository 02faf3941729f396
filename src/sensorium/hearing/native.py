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
from sensorium.hearing.words import Reader, Shares


class NativeEar:
    """An `Engine` with rows: each is the embedding to expect by the words' probabilities in the frame in
    which the word begins, so a word that the ear is sure of reads as if it were written.

    Raises BundleError when the projection was made for an ear of other words. Source: decision 6.
    """

    engine = "native"
    is_bridge = False

    def __init__(self, model: EarModel, projection: Projection) -> None:
        if projection.state_width != len(model.words):
            raise BundleError(
                f"the ear knows {len(model.words)} words, the mind has rows for {projection.state_width}",
                remedy="install ear and mind of one bundle",
            )
        self._reader = Reader(model)
        self._projection = projection

    def feed(self, pcm: NDArray[np.float32]) -> Hypothesis:
        return self._hypothesis(self._reader.feed(pcm))

    def finish(self) -> Hypothesis:
        return self._hypothesis(self._reader.finish())

    def reset(self) -> None:
        self._reader.reset()

    def _hypothesis(self, shares: list[Shares]) -> Hypothesis:
        # One by one, so that rounding does not depend on how the sound was cut.
        rows = [np.zeros((0, self._projection.width), np.float32), *map(self._projection.row, shares)]
        return Hypothesis(self._reader.text, self._reader.confidence, np.concatenate(rows))
