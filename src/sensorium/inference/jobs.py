"""What the scheduler is asked for, what it answers, and the state of one piece of work in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, SensoriumError
from sensorium.inference.activation import Activation, AdapterSet
from sensorium.inference.backend import Sampler
from sensorium.inference.prefix_cache import AdapterKey, Parked
from sensorium.inference.rows import check_rows
from sensorium.inference.speaking import Speaking
from sensorium.inference.tokenizer import TextJoiner, TokenizedPrompt
from sensorium.request import AdapterUse, Sampling, Usage


class Urgency(IntEnum):
    """Who waits for it: somebody listening, somebody speaking, a draft, nobody."""

    SPEAKING = 0
    HEARING = 1
    COMPOSING = 2
    SETTLING = 3


class Request(NamedTuple):
    """`max_tokens` 0 only puts the prompt in place (settling); such a request answers with `Settled`.

    `turn_id` is unique among the requests under way; of settling ones the sign is negative. `close` above -1
    makes of such a request the draft of a turn: it is kept to its very end, and `Settled` tells how likely
    the model thinks that token next, and behind it each of `openings` (token ids). `rows` are the
    embedding rows of the prompt, float32 (prompt.num_rows, embedding_width), None without any.
    `speech_tokens` above 0 asks for speech behind the text, of at most so many tokens.
    """

    turn_id: int
    persona_id: str
    prompt: TokenizedPrompt
    max_tokens: int = 0
    sampling: Sampling = Sampling()
    adapters: tuple[AdapterUse, ...] = ()
    urgency: Urgency = Urgency.SPEAKING
    rows: NDArray[np.float32] | None = None
    speech_tokens: int = 0
    close: int = -1
    openings: tuple[tuple[int, ...], ...] = ()

    @property
    def max_reply(self) -> int:
        """Most tokens behind the prompt: the text's, and for speech its own and two between."""
        return self.max_tokens + (self.speech_tokens + 2 if self.speech_tokens else 0)

    def check_senses(self, width: int, *, speaks: bool) -> None:
        """Raises BadInput when `rows` are not those of the prompt, for a mind of this `width`, or when speech
        is asked of a mind that has none."""
        num_rows = 0 if self.rows is None else len(self.rows)
        if num_rows != self.prompt.num_rows:
            raise BadInput(f"{num_rows} embedding rows for a prompt with {self.prompt.num_rows}")
        if self.rows is not None:
            check_rows(self.rows, width)
        if self.speech_tokens < 0:
            raise BadInput(f"speech of {self.speech_tokens} tokens", remedy="0 for none")
        if self.speech_tokens and not speaks:
            raise BadInput("this mind writes and does not speak", remedy="use a speech bridge")


class Began(NamedTuple):
    """The prompt is in memory. `block_tokens` as in `TokenizedPrompt`."""

    turn_id: int
    usage: Usage
    block_tokens: tuple[int, ...] = ()


class Said(NamedTuple):
    """Complete characters, or one special token's text."""

    turn_id: int
    text: str
    special: bool


class Spoke(NamedTuple):
    """The next frame of sound, one code of each group; it belongs to word number `word` of the reply."""

    turn_id: int
    word: int
    codes: tuple[int, ...]


class Finished(NamedTuple):
    """reason: "end", "length" or "cancelled". Stages are (name, start_s, end_s)."""

    turn_id: int
    reason: str
    usage: Usage
    stages: tuple[tuple[str, float, float], ...]


class Settled(NamedTuple):
    """The prompt of a settling request is in memory (or was cancelled, or found no room: then `p_close` of a
    draft is 0). `p_openings`: of each of its openings; empty when they found no room."""

    turn_id: int
    persona_id: str
    processed_tokens: int
    p_close: float = 0.0
    p_openings: tuple[float, ...] = ()


class Failed(NamedTuple):
    turn_id: int
    error: SensoriumError


Event = Began | Said | Spoke | Finished | Settled | Failed


@dataclass(slots=True, eq=False)
class Job:
    """One request on its way. `sequence` is None until it is admitted.

    `num_computed` tokens of prompt and reply are in memory; `pending` is drawn and not yet decoded.
    `num_drawn` counts the text's tokens, `text` holds them with their bytes, without control tokens.
    """

    request: Request
    activation: Activation
    submitted_s: float
    urgency: Urgency
    sequence: int | None = None
    parent: Parked | None = None
    sampler: Sampler | None = None
    num_computed: int = 0
    num_cached: int = 0
    num_processed: int = 0
    num_settled: int = 0
    num_adapted: int = 0
    num_drawn: int = 0
    p_close: float = 0.0
    p_openings: tuple[float, ...] = ()
    pending: int | None = None
    text: list[tuple[int, bytes]] = field(default_factory=list)
    speaking: Speaking | None = None
    joiner: TextJoiner = field(default_factory=TextJoiner)
    holds_adapters: bool = False
    admitted_s: float = 0.0
    first_token_s: float = 0.0
    first_frame_s: float = 0.0

    @property
    def turn_id(self) -> int:
        return self.request.turn_id

    @property
    def prompt(self) -> TokenizedPrompt:
        return self.request.prompt

    @property
    def settles(self) -> bool:
        return self.request.max_tokens == 0

    @property
    def is_draft(self) -> bool:
        return self.request.close >= 0

    @property
    def prefix_key(self) -> AdapterKey:
        """The adapters under which its stable tiers are computed, kept and found."""
        return self.activation.before.key

    @property
    def adapters(self) -> AdapterSet:
        """What computes its next token."""
        return self.activation.at(self.num_computed)

    @property
    def reads_rows(self) -> bool:
        """Is what it computes next embedding rows, and not tokens?"""
        return self.pending is None and self.prompt.row_at(self.num_computed) is not None

    @property
    def held_adapters(self) -> tuple[AdapterUse, ...]:
        """All that it may come to use."""
        return self.activation.before.uses if self.settles else self.activation.after.uses

    @property
    def num_prompt(self) -> int:
        return len(self.prompt.ids)

    @property
    def num_prompt_left(self) -> int:
        return max(0, self.num_prompt - self.num_computed)

    @property
    def num_cells_to_come(self) -> int:
        """The most it may still decode; the last token drawn is never decoded."""
        if self.settles:
            return self.num_prompt_left
        return self.num_prompt + self.request.max_reply - 1 - self.num_computed

    def next_stop(self) -> int:
        """How far a chunk may go: to the next tier end, where a prefix is parked, to where an adapter begins
        to act, to where tokens turn into rows or back, or to the prompt's end."""
        prompt = self.prompt
        ends = (*prompt.tier_ends, *prompt.kind_ends, self.activation.start or 0, self.num_prompt)
        return min(end for end in ends if end > self.num_computed)

    def usage(self) -> Usage:
        return Usage(
            prompt_tokens=self.num_prompt,
            cached_tokens=self.num_cached,
            processed_tokens=self.num_processed,
            settled_tokens=min(self.num_settled, self.num_cached),
            reply_tokens=self.num_drawn,
            speech_tokens=self.speaking.num_tokens if self.speaking else 0,
            adapted_tokens=self.num_adapted,
        )

    def stages(self, now_s: float) -> tuple[tuple[str, float, float], ...]:
        """Waiting, prefill (its end is the first token) and the rest of the reply; inside that, from the
        first frame on, speech."""
        admitted_s = self.admitted_s or now_s
        first_s = self.first_token_s or now_s
        speech = (("llm.speech", self.first_frame_s, now_s),) if self.first_frame_s else ()
        return (
            ("llm.wait", self.submitted_s, admitted_s),
            ("llm.prefill", admitted_s, first_s),
            ("llm.reply", first_s, now_s),
            *speech,
        )
