"""What a change of voices leaves alone and what it costs: the text before <|speak|>, the first voice when it
comes back, the shared prefix, and the time to have an adapter in memory. Through the house's scheduler.

The reply is given (a grammar forces it), so that every turn draws the same tokens; the logits that they are
drawn from are the mind's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.clock import ManualClock
from sensorium.inference.adapters import Adapters
from sensorium.inference.backend import Sampler
from sensorium.inference.jobs import Finished, Request, Spoke
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.mind import LocalMind
from sensorium.inference.sampling import just
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.speaking import find_tokens
from sensorium.inference.tokenizer import TokenizedPrompt, Tokenizer
from sensorium.metrics import summarize
from sensorium.prompting.compose import lay_out
from sensorium.request import AdapterUse, Usage
from training.mind import answer
from training.mind.exam import draw_exam
from training.mind.play import SILENCE, Play
from training.mind.speech import shipped_pronunciations
from training.mind.view import as_view, prompt_format
from training.mind.vocabulary import NUM_GROUPS, encode

SEED = 8_200_000
PAGING_BAR_MS = 20.0
_CONFIG = LlamaConfig(cells=8192, sequences=32, decode_threads=1, batch_threads=1)


class Turn(NamedTuple):
    """`logits` float32 (n, vocabulary): what each token of the text was drawn from, its end included. `codes`
    int64 (frames, groups)."""

    logits: NDArray[np.float32]
    codes: NDArray[np.int64]
    usage: Usage


class _Watched(LlamaBackend):
    """Keeps the logits of what is drawn from."""

    def __init__(self, path: Path, config: LlamaConfig) -> None:
        super().__init__(path, config)
        self.seen: list[NDArray[np.float32]] = []

    def sample(self, sequence: int, sampler: Sampler) -> int:
        self.seen.append(self.logits(sequence))
        return super().sample(sequence, sampler)


class Stage:
    """One mind and its voices. Time stands still in it: what the scheduler puts into a batch must not depend
    on how busy the machine is, as the last bits of a sum depend on the batch."""

    def __init__(self, mind: Path, voices: Mapping[str, Path]) -> None:
        self._backend = _Watched(mind, _CONFIG)
        self._adapters = Adapters(self._backend, 1 << 30)
        for name, file in voices.items():
            self._adapters.register(name, file)
        self._tokenizer = Tokenizer(self._backend, word_space=True)
        self._scheduler = Scheduler(
            self._backend,
            self._adapters,
            ManualClock(),
            Limits(_CONFIG.cells),
            find_tokens(answer.SPEECH, self._backend, shipped_pronunciations()),
        )

    def prompt(self, play: Play) -> TokenizedPrompt:
        return self._tokenizer.prompt(lay_out(as_view(play), prompt_format()))

    def turn(self, prompt: TokenizedPrompt, reply: str, voice: str | None) -> Turn:
        """Says `reply` with that voice, None: the mind's own."""
        self._backend.seen.clear()
        request = Request(
            turn_id=1,
            persona_id="self",
            prompt=prompt,
            max_tokens=len(encode(reply)) + 1,
            sampling=just(encode(reply)),
            adapters=() if voice is None else (AdapterUse(voice, 1.0),),
            speech_tokens=answer.SPEECH_TOKENS_PER_WORD * len(reply.split()),
        )
        events = list(LocalMind(self._scheduler).generate(request))
        frames = [event.codes for event in events if isinstance(event, Spoke)]
        usage = next(event.usage for event in events if isinstance(event, Finished))
        text = self._backend.seen[: usage.reply_tokens + 1]
        return Turn(np.array(text), np.array(frames, np.int64).reshape(-1, NUM_GROUPS), usage)

    def forget(self) -> None:
        self._scheduler.prefix_cache.clear()

    def close(self) -> None:
        self._backend.close()


def rows(mind: Path, voices: Mapping[str, Path], count: int = 12) -> list[dict[str, Any]]:
    """`count` plays, each with two of the `voices` in turn: A, B, A; and every adapter brought in again and
    again."""
    names = list(voices)
    with closing(Stage(mind, voices)) as stage:
        evenings = [
            _evening(stage, play, names[i % len(names)], names[(i + 1) % len(names)])
            for i, play in enumerate(_plays(count))
        ]
    pace = paging_ms(mind, voices)
    return [
        _exact("text before <|speak|> is bit-identical with a voice", [e.text_same for e in evenings]),
        _exact("A, B, A: the first voice says the same again", [e.same_again for e in evenings]),
        _exact("A after B on a kept prefix says what it says cold", [e.same_cold for e in evenings]),
        {
            "part": "voices",
            "skill": "tokens processed again after a change of voice",
            "tokens": sum(e.processed_again for e in evenings),
            "turns": 3 * len(evenings),
            "voices_differ": sum(e.voices_differ for e in evenings) / len(evenings),
            "bar": 0,
            "met": not any(e.processed_again for e in evenings),
        },
        {
            "part": "voices",
            "skill": "adapter from registered to resident, ms",
            **summarize(pace),
            "bar": PAGING_BAR_MS,
            "met": summarize(pace)["p99"] < PAGING_BAR_MS,
        },
    ]


class _Evening(NamedTuple):
    """Of one play. `processed_again`: prompt tokens beyond what a turn without any voice processes."""

    text_same: bool
    same_again: bool
    same_cold: bool
    processed_again: int
    voices_differ: bool


def _evening(stage: Stage, play: Play, one: str, other: str) -> _Evening:
    prompt, reply = stage.prompt(play), play.newest.reply
    stage.forget()
    stage.turn(prompt, reply, None)
    plain = stage.turn(prompt, reply, None)
    first, between, again = (stage.turn(prompt, reply, voice) for voice in (one, other, one))
    stage.forget()
    cold = stage.turn(prompt, reply, one)
    voiced = (first, between, again)
    return _Evening(
        all(np.array_equal(plain.logits, turn.logits) for turn in voiced),
        np.array_equal(first.codes, again.codes),
        np.array_equal(again.codes, cold.codes),
        sum(turn.usage.processed_tokens - plain.usage.processed_tokens for turn in voiced),
        not np.array_equal(first.codes, between.codes),
    )


def paging_ms(mind: Path, voices: Mapping[str, Path], rounds: int = 10) -> list[float]:
    """How long each voice takes to become resident, where there is room for one at a time: the other leaves
    in that time, too. `voices`: two or more."""
    found = []
    with closing(LlamaBackend(mind, _CONFIG)) as backend:
        adapters = Adapters(backend, max(backend.check_adapter(file).num_bytes for file in voices.values()))
        for name, file in voices.items():
            adapters.register(name, file)
        for name in [*voices] * rounds:
            uses = (AdapterUse(name, 1.0),)
            loads, start_s = adapters.num_loads, time.perf_counter()
            adapters.ensure_resident(uses)
            if adapters.num_loads > loads:
                found.append(1000.0 * (time.perf_counter() - start_s))
            adapters.release(uses)
    return found


def _plays(count: int) -> list[Play]:
    """Of all skills, those that are answered."""
    drawn = draw_exam(1 + count // 40, splits=("fillers", "phrasings"), seed=SEED)
    plays = [play for _, play in drawn if play.newest.reply != SILENCE]
    return plays[:: max(1, len(plays) // count)][:count]


def _exact(skill: str, marks: Sequence[bool]) -> dict[str, Any]:
    share = sum(marks) / len(marks)
    return {
        "part": "voices",
        "skill": skill,
        "share": share,
        "turns": len(marks),
        "bar": 1.0,
        "met": share == 1.0,
    }
