"""The mouth of a turn that the mind speaks itself: codes of words in, samples and where each word lies out.

Counts time in samples of the turn; when they leave is for `playout.py` to say. Knows nothing of tokens,
sockets or other turns: the voice is in the codes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from sensorium.clock import Clock, SystemClock
from sensorium.errors import BadInput
from sensorium.persona import Voice
from sensorium.speech.codec import CODES_PER_FRAME, FRAME_SAMPLES, MAX_FRAMES_AT_ONCE, Codes, check_codes
from sensorium.speech.mouth import LATER_CHUNK_MS, Events, Pcm, Samples, Word, WordCodes
from sensorium.speech.playout import Lead, Playout

SAMPLE_RATE_HZ = 16_000
MAX_FRAMES_PER_TURN = MAX_FRAMES_AT_ONCE  # a minute

_LATER_SAMPLES = LATER_CHUNK_MS * SAMPLE_RATE_HZ // 1000
_WARM_FRAMES = 4


class CodecStream(Protocol):
    """One stream of a codec; see `codec.Decoder`."""

    def feed(self, codes: Codes) -> Samples:
        """Frames (n, 2) in, the samples out that are sure now, some frames late."""
        ...

    def flush(self) -> Samples:
        """The rest: 640 samples a frame in all."""
        ...


class NativeVoice:
    """An `Engine` over a codec; each mouth gets a stream of its own from `open_stream`. `lead` is what they
    learn from one another."""

    sample_rate_hz = SAMPLE_RATE_HZ
    ladder = (1, 2, 5)

    engine = "codec"

    def __init__(self, open_stream: Callable[[], CodecStream], clock: Clock | None = None) -> None:
        self.frames_at_once = 1
        self.lead = Lead()
        self._open_stream = open_stream
        self._clock = clock or SystemClock()

    def warm_up(self) -> dict[str, object]:
        stream = self._open_stream()
        stream.feed(np.zeros((_WARM_FRAMES, CODES_PER_FRAME), np.int16))
        stream.flush()
        return {"engine": self.engine, "sample_rate_hz": SAMPLE_RATE_HZ}

    def open(self, voice: Voice) -> NativeMouth:
        """`voice` is how a bridge would sound; here the mind has chosen already."""
        playout = Playout(self.lead, self._clock, SAMPLE_RATE_HZ)
        return NativeMouth(self._open_stream(), playout, lambda: self.frames_at_once)

    def close(self) -> None:
        """Nothing is held."""


class NativeMouth:
    """A `Mouth` that takes `WordCodes`, words in order.

    A reply begins with a tenth of a second, with more where replies were late before; each chunk after that
    leaves as soon as the listener needs it, up to 200 ms. A word without codes is in the sound of
    its neighbour and no `Word` tells of it. After the first chunk the codec makes `frames_at_once()` frames
    in one call, which is cheaper.
    """

    def __init__(
        self, stream: CodecStream, playout: Playout, frames_at_once: Callable[[], int] = lambda: 1
    ) -> None:
        self._stream = stream
        self._playout = playout
        self._frames_at_once = frames_at_once
        self._codes = np.zeros((0, CODES_PER_FRAME), np.int16)  # no sound was made of them yet
        self._pending = np.zeros(0, np.int16)
        self._num_samples = 0
        self._num_frames = 0
        self._word = 0
        self._word_start = 0  # in frames
        self._ended: deque[Word] = deque()

    @property
    def num_samples(self) -> int:
        return self._num_samples

    def feed(self, said: str | WordCodes) -> Events:
        """Raises BadInput for text, for codes out of range, for a word before the last one, and for more than
        a minute in all; then nothing of `said` was spoken."""
        if not isinstance(said, WordCodes):
            raise BadInput("the codec speaks codes, not words", remedy="start the speech worker as a bridge")
        codes = check_codes(said.codes)
        if said.word < self._word:
            raise BadInput(f"codes of word {said.word} after those of word {self._word}")
        if self._num_frames + len(codes) > MAX_FRAMES_PER_TURN:
            seconds = MAX_FRAMES_PER_TURN * FRAME_SAMPLES // SAMPLE_RATE_HZ
            raise BadInput(f"more than {seconds} s of speech in one turn")
        if said.word > self._word:
            self._end_word()
            self._word = said.word
        for frame in codes[:, None]:
            self._num_frames += 1
            self._codes = np.concatenate((self._codes, frame))
            if self._num_samples and len(self._codes) < self._frames_at_once():
                continue
            self._decode()
            while self._playout.may_leave(len(self._pending)):
                yield from self._give()

    def flush(self) -> Events:
        self._end_word()
        if len(self._codes):
            self._decode()
        self._pending = np.concatenate((self._pending, self._stream.flush()))
        while len(self._pending):
            yield from self._give()
        self._playout.over()
        yield from self._over()

    def _decode(self) -> None:
        codes, self._codes = self._codes, self._codes[:0]
        self._pending = np.concatenate((self._pending, self._stream.feed(codes)))

    def _give(self) -> Events:
        chunk, self._pending = self._pending[:_LATER_SAMPLES], self._pending[_LATER_SAMPLES:]
        self._num_samples += len(chunk)
        self._playout.left(len(chunk))
        yield Pcm(chunk)
        yield from self._over()

    def _over(self) -> Events:
        while self._ended and self._ended[0].end_sample <= self._num_samples:
            yield self._ended.popleft()

    def _end_word(self) -> None:
        """The frames so far belong to the words so far; samples are counted as if the codec were not late."""
        if self._num_frames > self._word_start:
            start, end = self._word_start * FRAME_SAMPLES, self._num_frames * FRAME_SAMPLES
            self._ended.append(Word(self._word, start, end))
        self._word_start = self._num_frames
