"""The mind's own ear, and a bridge that is asked what it was when the ear cannot make it out.

Whole utterances only: while somebody speaks the bridge is silent, and most are never put to it. Knows nothing
of which bridge it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from sensorium.hearing.encoder import SAMPLE_RATE_HZ
from sensorium.hearing.engine import Engine, Hypothesis

# At most, of pocketsphinx: measured 2.8 s to load and 1.2 s for a second of sound, on one core to itself.
_LOADING_S, _SECONDS_PER_SECOND = 15.0, 5.0


class SecondOpinion:
    """An `Engine`: `own`, but at the end of an utterance that it trusts less than `clear_from` what the
    bridge says, if that says anything. The bridge is made when it is first needed.

    `computing(seconds)` is held while the bridge is loaded or asked, which may take so long."""

    engine = "auto"
    is_bridge = False

    def __init__(
        self,
        own: Engine,
        open_bridge: Callable[[], Engine],
        clear_from: float,
        computing: Callable[[float], AbstractContextManager[None]],
    ) -> None:
        self._own = own
        self._open_bridge = open_bridge
        self._bridge: Engine | None = None
        self._clear_from = clear_from
        self._computing = computing
        self._sound: list[NDArray[np.float32]] = []

    def feed(self, pcm: NDArray[np.float32]) -> Hypothesis:
        heard = self._own.feed(pcm)
        self._sound.append(pcm)
        return heard

    def finish(self) -> Hypothesis:
        heard = self._own.finish()
        if heard.confidence >= self._clear_from or not self._sound:
            return heard
        sound = np.concatenate(self._sound)
        with self._computing(_LOADING_S + _SECONDS_PER_SECOND * len(sound) / SAMPLE_RATE_HZ):
            if self._bridge is None:
                self._bridge = self._open_bridge()
            self._bridge.reset()
            self._bridge.feed(sound)
            bridged = self._bridge.finish()
            self._bridge.reset()
        return bridged._replace(by_bridge=True) if bridged.text else heard

    def reset(self) -> None:
        self._own.reset()
        self._sound.clear()
