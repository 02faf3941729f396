"""Speech-to-text behind one interface: nano's own ear, or pocketsphinx with the grammar of nano's world.

An utterance at a time, 16 kHz in, text out. Knows nothing of silence: where an utterance begins and ends is
the listener's business.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.audio import to_int16
from sensorium.errors import BadInput, BundleError, MissingExtra
from sensorium.hearing.ctc import GreedyDecoder
from sensorium.hearing.encoder import CHUNK_SAMPLES, SAMPLE_RATE_HZ, EarModel, Encoder

# One pass; measured on nano's world: as accurate as the defaults. Fewer frames or narrower beams are not.
_ONE_PASS = {"bestpath": False, "fwdflat": False, "topn": 2, "maxhmmpf": 5000}

ENGINES = ("ear", "pocketsphinx", "fake")


class SpeechToText(Protocol):
    """One stream of utterances."""

    engine: str

    def feed(self, pcm: NDArray[np.float32]) -> str:
        """`pcm` float32 (n,), 16 kHz, any n. All words of the utterance so far, lower-case, "" when none yet.

        Raises BadInput for another shape or type.
        """
        ...

    def finish(self) -> str:
        """The utterance is over: its words, with those that were still on their way. Then call `reset`."""
        ...

    def reset(self) -> None:
        """Forgets the utterance; the next `feed` begins another."""
        ...


class EarWords:
    """The word head of the bundle's ear."""

    engine = "ear"

    def __init__(self, model: EarModel) -> None:
        self._encoder = Encoder(model)
        self._decoder = GreedyDecoder(model.words)
        self._pending = np.zeros(0, np.float32)

    def feed(self, pcm: NDArray[np.float32]) -> str:
        check_pcm(pcm)
        self._pending = np.concatenate([self._pending, pcm])
        while len(self._pending) >= CHUNK_SAMPLES:
            self._decoder.feed(self._encoder.feed(self._pending[:CHUNK_SAMPLES]).words)
            self._pending = self._pending[CHUNK_SAMPLES:]
        return " ".join(self._decoder.words)

    def finish(self) -> str:
        if len(self._pending):
            self.feed(np.zeros(CHUNK_SAMPLES - len(self._pending), np.float32))
        for frames in self._encoder.flush():
            self._decoder.feed(frames.words)
        return " ".join(self._decoder.words)

    def reset(self) -> None:
        self._encoder.reset()
        self._decoder.reset()
        self._pending = np.zeros(0, np.float32)


class Pocketsphinx:
    """CMU's recognizer in grammar mode: it knows human voices, but only the sentences of one grammar.

    Its open-vocabulary mode is not offered; on our tests it was unusable.
    """

    engine = "pocketsphinx"

    def __init__(self, grammar: Path, dictionary: Path) -> None:
        """Raises MissingExtra without pocketsphinx, BundleError when its files do not load."""
        for path in (grammar, dictionary):
            if not path.is_file():
                raise BundleError(f"{path} is missing", remedy="install the bundle again")
        self._decoder = _open_decoder(grammar, dictionary)
        self._listening = False

    def feed(self, pcm: NDArray[np.float32]) -> str:
        check_pcm(pcm)
        if not self._listening:
            self._decoder.start_utt()
            self._listening = True
        if len(pcm):
            self._decoder.process_raw(to_int16(pcm).tobytes(), False, False)
        return self._text()

    def finish(self) -> str:
        if not self._listening:
            return ""
        self._decoder.end_utt()
        self._listening = False
        return self._text()

    def reset(self) -> None:
        if self._listening:
            self._decoder.end_utt()
            self._listening = False

    def _text(self) -> str:
        hypothesis = self._decoder.hyp()
        return "" if hypothesis is None else str(hypothesis.hypstr)


def check_pcm(pcm: NDArray[np.float32]) -> None:
    """Raises BadInput unless `pcm` is float32 (n,)."""
    if pcm.ndim != 1 or pcm.dtype != np.float32:
        raise BadInput(f"speech-to-text takes float32 (n,), not {pcm.dtype} {pcm.shape}")


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
