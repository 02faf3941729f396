"""The bridges: words from nano's own ear, or from pocketsphinx with the grammar of nano's world.

An utterance at a time, 16 kHz in, text out. Knows nothing of silence: where an utterance begins and ends is
the listener's business.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.audio import to_int16
from sensorium.errors import BundleError, MissingExtra
from sensorium.hearing.encoder import SAMPLE_RATE_HZ, EarModel
from sensorium.hearing.engine import Hypothesis, check_pcm
from sensorium.hearing.words import Reader

# One pass; measured on nano's world: as accurate as the defaults. Fewer frames or narrower beams are not.
_ONE_PASS = {"bestpath": False, "fwdflat": False, "topn": 2, "maxhmmpf": 5000}


class EarWords:
    """The word head of the bundle's ear, for minds that read words only."""

    engine = "ear"
    is_bridge = True

    def __init__(self, model: EarModel) -> None:
        self._reader = Reader(model)

    def feed(self, pcm: NDArray[np.float32]) -> Hypothesis:
        self._reader.feed(pcm)
        return Hypothesis(self._reader.text, self._reader.confidence)

    def finish(self) -> Hypothesis:
        self._reader.finish()
        return Hypothesis(self._reader.text, self._reader.confidence)

    def reset(self) -> None:
        self._reader.reset()


class Pocketsphinx:
    """CMU's recognizer in grammar mode: it knows human voices, but only the sentences of one grammar.

    Its open-vocabulary mode is not offered; on our tests it was unusable.
    """

    engine = "pocketsphinx"
    is_bridge = True

    def __init__(self, grammar: Path, dictionary: Path) -> None:
        """Raises MissingExtra without pocketsphinx, BundleError when its files do not load."""
        for path in (grammar, dictionary):
            if not path.is_file():
                raise BundleError(f"{path} is missing", remedy="install the bundle again")
        self._decoder = _open_decoder(grammar, dictionary)
        self._listening = False

    def feed(self, pcm: NDArray[np.float32]) -> Hypothesis:
        check_pcm(pcm)
        if not self._listening:
            self._decoder.start_utt()
            self._listening = True
        if len(pcm):
            self._decoder.process_raw(to_int16(pcm).tobytes(), False, False)
        return self._hypothesis()

    def finish(self) -> Hypothesis:
        if not self._listening:
            return Hypothesis("")
        self._decoder.end_utt()
        self._listening = False
        return self._hypothesis()

    def reset(self) -> None:
        if self._listening:
            self._decoder.end_utt()
            self._listening = False

    def _hypothesis(self) -> Hypothesis:
        found = self._decoder.hyp()
        return Hypothesis("" if found is None else str(found.hypstr))


def _open_decoder(grammar: Path, dictionary: Path) -> Any:
    try:
        import pocketsphinx
    except ImportError as e:
        raise MissingExtra("pocketsphinx is not installed", remedy="pip install 'sensorium[stt]'") from e
    try:
        return pocketsphinx.Decoder(
            jsgf=str(grammar),
            dict=str(dictionary),
            samprate=float(SAMPLE_RATE_HZ),
            loglevel="FATAL",
            **_ONE_PASS,
        )
    except (RuntimeError, ValueError) as e:
        raise BundleError(f"pocketsphinx cannot use {grammar}: {e}") from e
