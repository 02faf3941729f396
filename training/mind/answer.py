"""Puts plays to a mind through the house's own composition, scheduler and llama.cpp: by text, ear and eye.

Knows nothing of torch; what it measures is what the house will hear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from sensorium.clock import SystemClock
from sensorium.inference.adapters import Adapters
from sensorium.inference.jobs import Finished, Request, Said, Spoke
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.mind import LocalMind
from sensorium.inference.sampling import just
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.speaking import find_tokens
from sensorium.inference.tokenizer import Tokenizer
from sensorium.prompting.compose import lay_out
from sensorium.prompting.view import Rows
from sensorium.request import AdapterUse, Block, Part, Prompt, Scope, SpeechFormat, Tier
from training.mind.play import Play
from training.mind.speech import shipped_pronunciations
from training.mind.view import as_view, prompt_format
from training.mind.vocabulary import CODES_PER_GROUP, NUM_GROUPS, PHONEMES, encode

MAX_REPLY_TOKENS = 40
# More frames than any of nano's words lasts, and the words themselves.
SPEECH_TOKENS_PER_WORD = 90
# Of a reply that is not known before: as the front allows (front/reply.py).
_SPEECH_TOKENS_PER_TOKEN = 24
SPEECH = SpeechFormat(
    open="<|speak|>",
    close="<|done|>",
    first_code="<|code_0|>",
    groups=NUM_GROUPS,
    codes_per_group=CODES_PER_GROUP,
    first_phoneme="<|phoneme_0|>",
    phonemes=PHONEMES,
)

Embeddings = NDArray[np.float32]  # (n, width of the mind)


class Spoken(NamedTuple):
    """Frames int64 (n, 2), the word that each belongs to (n,), and whether the mind itself ended it."""

    codes: NDArray[np.int64]
    words: NDArray[np.int64]
    ended: bool


class Answer(NamedTuple):
    """`text`: the reply as words (with its "."), or SILENCE; `spoken`: its sound, no frames where none was
    asked for."""

    text: str
    spoken: Spoken


class Answerer:
    """A mind that answers greedily, on one thread. `speaks`: its file has speech codes."""

    def __init__(self, gguf: Path, *, context_tokens: int = 2048, speaks: bool = False) -> None:
        config = LlamaConfig(cells=8192, sequences=32, decode_threads=1, batch_threads=1)
        self._backend = LlamaBackend(gguf, config)
        self.adapters = Adapters(self._backend, 1 << 28)
        speech = find_tokens(SPEECH, self._backend, shipped_pronunciations()) if speaks else None
        limits = Limits(context_tokens)
        self._scheduler = Scheduler(self._backend, self.adapters, SystemClock(), limits, speech)
        self._mind = LocalMind(self._scheduler)
        self._tokenizer = Tokenizer(self._backend, word_space=True)
        self._format = replace(prompt_format(), image=("<|image|>",))
        self._format = replace(self._format, special_tokens=(*self._format.special_tokens, "<|image|>"))

    def reply_to(self, play: Play, *, heard: Embeddings | None = None, seen: Embeddings | None = None) -> str:
        """The reply as words (with its "."), or SILENCE. `heard`: the newest message came by ear; `seen`: the
        play's picture."""
        return self._answer(self._request(play, heard, seen)).text

    def answer_aloud(
        self, play: Play, *, heard: Embeddings | None = None, seen: Embeddings | None = None
    ) -> Answer:
        """The same reply, and its sound in the same decode, in the mind's own voice."""
        speech_tokens = _SPEECH_TOKENS_PER_TOKEN * MAX_REPLY_TOKENS
        return self._answer(self._request(play, heard, seen)._replace(speech_tokens=speech_tokens))

    def speak(self, words: Sequence[str], adapters: tuple[AdapterUse, ...] = ()) -> Spoken:
        """Says just these words, with nothing before them."""
        ids = encode(" ".join(words))
        begin = (Part("<|begin|>", special=True), Part("<|self|>", special=True))
        block = Block(Tier.VOLATILE, Scope.PERSONA, "reply", begin)
        request = Request(
            turn_id=1,
            persona_id="self",
            prompt=self._tokenizer.prompt(Prompt("self", (block,))),
            max_tokens=len(ids) + 1,
            sampling=just(ids),
            adapters=adapters,
            speech_tokens=SPEECH_TOKENS_PER_WORD * len(words),
        )
        return self._answer(request).spoken

    def _request(self, play: Play, heard: Embeddings | None, seen: Embeddings | None) -> Request:
        parts = [rows for rows in (seen, heard) if rows is not None and len(rows)]
        view = replace(
            as_view(play),
            heard=() if heard is None else (_rows(heard),) if len(heard) else ("",),
            pictures=() if seen is None else (_rows(seen),),
        )
        rows = np.concatenate(parts) if parts else None
        prompt = self._tokenizer.prompt(lay_out(view, self._format))
        return Request(1, "self", prompt, MAX_REPLY_TOKENS, rows=rows)

    def _answer(self, request: Request) -> Answer:
        # Cold: plays share little, and what is kept of other plays only takes room.
        self._scheduler.prefix_cache.clear()
        events = list(self._mind.generate(request))
        text = "".join(event.text for event in events if isinstance(event, Said)).strip()
        frames = [event for event in events if isinstance(event, Spoke)]
        ended = any(isinstance(event, Finished) and event.reason == "end" for event in events)
        spoken = Spoken(
            np.array([frame.codes for frame in frames], np.int64).reshape(-1, NUM_GROUPS),
            np.array([frame.word for frame in frames], np.int64),
            ended,
        )
        return Answer(text, spoken)

    def close(self) -> None:
        self._backend.close()


def _rows(embeddings: Embeddings) -> Rows:
    return Rows(
        hashlib.sha256(np.ascontiguousarray(embeddings, "<f4").tobytes()).hexdigest(), len(embeddings)
    )
