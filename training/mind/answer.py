"""Puts plays to the shipped GGUF through the house's own composition and stock llama.cpp.

Knows nothing of torch; what it measures is what the house will hear.
"""

from __future__ import annotations

from pathlib import Path

import llama_cpp

from sensorium.prompting.compose import lay_out
from sensorium.request import Part
from training.mind.play import SILENCE, Play
from training.mind.view import as_view, prompt_format

MAX_REPLY_TOKENS = 40


class Answerer:
    """A mind that answers greedily, one thread, every prompt from a cold start."""

    def __init__(self, gguf: Path, context_tokens: int = 2048) -> None:
        self._llama = llama_cpp.Llama(
            str(gguf), n_ctx=context_tokens, n_threads=1, n_threads_batch=1, verbose=False, seed=0
        )
        self._format = prompt_format()
        self._special = {text: self._tokens(text, special=True)[0] for text in self._format.special_tokens}
        self._end = self._special["<|end|>"]
        self._cache: dict[Part, list[int]] = {}

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        return self._llama.tokenize(text.encode(), add_bos=False, special=special)

    def _part(self, part: Part) -> list[int]:
        ids = self._cache.get(part)
        if ids is None:
            ids = [self._special[part.text]] if part.special else self._tokens(part.text, special=False)
            self._cache[part] = ids
        return ids

    def prompt(self, play: Play) -> list[int]:
        blocks = lay_out(as_view(play), self._format).blocks
        return [i for block in blocks for part in block.parts for i in self._part(part)]

    def reply_to(self, play: Play) -> str:
        """The reply as words (with its "."), or SILENCE."""
        self._llama.reset()
        ids: list[int] = []
        for token in self._llama.generate(self.prompt(play), temp=0.0, repeat_penalty=1.0):
            if token == self._end or len(ids) == MAX_REPLY_TOKENS:
                break
            ids.append(token)
        if ids == [self._special[SILENCE]]:
            return SILENCE
        return self._llama.detokenize(ids, special=True).decode("utf-8", "replace").strip()
