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
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.speaking import find_tokens
from sensorium.inference.tokenizer import Tokenizer
from sensorium.prompting.compose import lay_out
from sensorium.prompting.view import Rows
from sensorium.request import AdapterUse, Block, Part, Prompt, Sampling, Scope, SpeechFormat, Tier
from training.mind.play import SILENCE, Play
from training.mind.view import as_view, prompt_format
from training.mind.vocabulary import CODES_PER_GROUP, NUM_GROUPS

MAX_REPLY_TOKENS = 40
# More frames than any of nano's words lasts, and the words themselves.
SPEECH_TOKENS_PER_WORD = 70
SPEECH = SpeechFormat(
    open="<|speak|>",
    close="<|done|>",
    first_code="<|code_0|>",
    groups=NUM_GROUPS,
    codes_per_group=CODES_PER_GROUP,
)

Embeddings = NDArray[np.float32]  # (n, width of the mind)


class Spoken(NamedTuple):
    """Frames int64 (n, 2), the word that each belongs to (n,), and whether the mind itself ended it."""

    codes: NDArray[np.int64]
    words: NDArray[np.int64]
    ended: bool


class Answerer:
    """A mind that answers greedily, on one thread. `speaks`: its file has speech codes."""

    def __init__(self, gguf: Path, *, context_tokens: int = 2048, speaks: bool = False) -> None:
        config = LlamaConfig(cells=8192, sequences=32, decode_threads=1, batch_threads=1)
        self._backend = LlamaBackend(gguf, config)
        self.adapters = Adapters(self._backend, 1 << 28)
        speech = find_tokens(SPEECH, self._backend) if speaks else None
        limits = Limits(context_tokens)
        self._scheduler = Scheduler(self._backend, self.adapters, SystemClock(), limits, speech)
        self._mind = LocalMind(self._scheduler)
        self._tokenizer = Tokenizer(self._backend, word_space=True)
        self._format = replace(prompt_format(), image=("<|image|>",))
        self._format = replace(self._format, special_tokens=(*self._format.special_tokens, "<|image|>"))

    def reply_to(self, play: Play, *, heard: Embeddings | None = None, seen: Embeddings | None = None) -> str:
        """The reply as words (with its "."), or SILENCE. `heard`: the newest message came by ear; `seen`: the
        play's picture."""
        parts = [rows for rows in (seen, heard) if rows is not None and len(rows)]
        view = replace(
            as_view(play),
            heard=() if heard is None else (_rows(heard),) if len(heard) else ("",),
            pictures=() if seen is None else (_rows(seen),),
        )
        rows = np.concatenate(parts) if parts else None
        # Cold: plays share little, and what is kept of other plays only takes room.
        self._scheduler.prefix_cache.clear()
        prompt = self._tokenizer.prompt(lay_out(view, self._format))
        events = self._mind.generate(Request(1, "self", prompt, MAX_REPLY_TOKENS, rows=rows))
        said = "".join(event.text for event in events if isinstance(event, Said)).strip()
        return SILENCE if said == SILENCE else said

    def speak(self, words: Sequence[str], adapters: tuple[AdapterUse, ...] = ()) -> Spoken:
        """Says just these words, with nothing before them."""
        self._scheduler.prefix_cache.clear()
        text = " ".join(["", *words])
        begin = (Part("<|begin|>", special=True), Part("<|self|>", special=True))
        block = Block(Tier.VOLATILE, Scope.PERSONA, "reply", begin)
        request = Request(
            turn_id=1,
            persona_id="self",
            prompt=self._tokenizer.prompt(Prompt("self", (block,))),
            max_tokens=len(text) + 2,
            sampling=Sampling(grammar=f'root ::= "{text}"'),
            adapters=adapters,
            speech_tokens=SPEECH_TOKENS_PER_WORD * len(words),
        )
        events = list(self._mind.generate(request))
        frames = [event for event in events if isinstance(event, Spoke)]
        ended = any(isinstance(event, Finished) and event.reason == "end" for event in events)
        return Spoken(
            np.array([frame.codes for frame in frames], np.int64).reshape(-1, NUM_GROUPS),
            np.array([frame.word for frame in frames], np.int64),
            ended,
        )

    def close(self) -> None:
        self._backend.close()


def _rows(embeddings: Embeddings) -> Rows:
    return Rows(
        hashlib.sha256(np.ascontiguousarray(embeddings, "<f4").tobytes()).hexdigest(), len(embeddings)
    )
