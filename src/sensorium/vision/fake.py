"""An eye without a model: sees the things it was told of, whatever the picture, for tests around the eye."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.vision.encoder import MAX_THINGS, Sight, Thing, check_picture


class FakeEye:
    """The embedding of the nth thing is all n, that of a slot without a thing 0, as in the real eye."""

    def __init__(self, things: tuple[Thing, ...] = (), width: int = 128) -> None:
        self.width = width
        self._things = tuple(sorted(things, key=lambda thing: thing.x))[:MAX_THINGS]

    def look(self, picture: NDArray[np.uint8]) -> Sight:
        check_picture(picture)
        embeddings = np.zeros((1 + MAX_THINGS, self.width), np.float32)
        for n in range(1, len(self._things) + 1):
            embeddings[n] = n
        return Sight(embeddings, self._things, len(self._things))
