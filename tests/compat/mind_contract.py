"""What every mind must do, whoever computes: our scheduler and a real llama-server obey the same tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, islice

import pytest

from sensorium.bench import random_gguf
from sensorium.bench.prompts import prompt_of, tokenized
from sensorium.errors import BadInput, ContextFull
from sensorium.inference.jobs import Began, Event, Finished, Request, Said, Settled
from sensorium.inference.mind import Mind
from sensorium.request import AdapterUse, Prompt, Sampling

WORDS = random_gguf.words(250)
turn_ids = count(1)


def ask(persona: int = 0, *, tail: int = 3, history: int = 0, max_tokens: int = 6, **rest: object) -> Request:
    """80 shared words, 20 of its own, then history, then `tail` words that only this turn reads."""
    name = f"persona{persona}"
    own = WORDS[80 + persona : 100 + persona]
    volatile = (WORDS[-50:] * 100)[:tail]
    prompt = tokenized(prompt_of(name, WORDS[:80], own, [WORDS[150 : 150 + history]], volatile))
    return Request(next(turn_ids), name, prompt, max_tokens, **rest)  # type: ignore[arg-type]


def reply(events: Sequence[Event]) -> str:
    return "".join(e.text for e in events if isinstance(e, Said))


def began(events: Sequence[Event]) -> Began:
    return next(e for e in events if isinstance(e, Began))


class MindContract:
    """Subclasses give a fixture `mind`: a random-weight model of bench/random_gguf.py, a context of 1,536
    tokens, and no adapters."""

    def test_a_turn_begins_speaks_and_finishes(self, mind: Mind) -> None:
        first, *pieces, last = mind.generate(ask())

        assert isinstance(first, Began) and isinstance(last, Finished)
        assert pieces and all(isinstance(p, Said) for p in pieces)
        assert last.reason == "length" and last.usage.reply_tokens == 6

    def test_usage_counts_every_prompt_token_once(self, mind: Mind) -> None:
        usage = began(list(mind.generate(ask()))).usage

        assert usage.prompt_tokens == 103 == usage.cached_tokens + usage.processed_tokens
        assert usage.processed_tokens >= 1

    def test_the_same_persona_again_processes_only_what_is_new(self, mind: Mind) -> None:
        list(mind.generate(ask()))

        assert began(list(mind.generate(ask(tail=9)))).usage.processed_tokens <= 9

    def test_reuse_does_not_change_a_greedy_reply(self, mind: Mind) -> None:
        first = reply(list(mind.generate(ask())))
        list(mind.generate(ask(1)))
        list(mind.generate(ask(0, tail=7)))

        assert reply(list(mind.generate(ask()))) == first

    def test_another_prompt_has_another_reply(self, mind: Mind) -> None:
        """Random weights answer noise, but noise that depends on the whole prompt: the test of the test."""
        assert reply(list(mind.generate(ask()))) != reply(list(mind.generate(ask(1))))

    def test_what_was_settled_is_not_processed_in_the_turn(self, mind: Mind) -> None:
        list(mind.generate(ask(2)))

        events = list(mind.generate(ask(2, tail=0, history=40, max_tokens=0)))
        usage = began(list(mind.generate(ask(2, tail=3, history=40)))).usage

        assert len(events) == 1 and isinstance(events[0], Settled) and events[0].persona_id == "persona2"
        assert 40 <= events[0].processed_tokens <= 44
        assert usage.settled_tokens == events[0].processed_tokens
        assert usage.processed_tokens <= 4

    def test_a_seed_makes_the_same_reply_twice(self, mind: Mind) -> None:
        sampling = Sampling(temperature=1.5, seed=7)

        said = [reply(list(mind.generate(ask(sampling=sampling)))) for _ in range(2)]

        assert said[0] == said[1]

    def test_a_grammar_is_obeyed(self, mind: Mind) -> None:
        events = list(mind.generate(ask(max_tokens=40, sampling=Sampling(grammar='root ::= "baba" "lala"'))))

        assert reply(events) == "babalala"
        assert isinstance(events[-1], Finished) and events[-1].reason == "end"

    def test_a_closed_turn_leaves_the_mind_usable(self, mind: Mind) -> None:
        events = mind.generate(ask(max_tokens=400))
        list(islice(events, 3))
        events.close()

        assert isinstance(list(mind.generate(ask(1)))[-1], Finished)

    def test_too_long_a_prompt_is_refused(self, mind: Mind) -> None:
        with pytest.raises(ContextFull):
            list(mind.generate(ask(tail=1500)))

    def test_a_grammar_that_does_not_parse_is_refused(self, mind: Mind) -> None:
        with pytest.raises(BadInput):
            list(mind.generate(ask(sampling=Sampling(grammar="root ::= nothing"))))

    def test_a_sampling_out_of_range_is_refused(self, mind: Mind) -> None:
        with pytest.raises(BadInput):
            list(mind.generate(ask(sampling=Sampling(top_p=2.0))))

    def test_an_empty_prompt_is_refused(self, mind: Mind) -> None:
        with pytest.raises(BadInput):
            list(mind.generate(Request(next(turn_ids), "persona0", tokenized(Prompt("persona0", ())), 4)))

    def test_an_adapter_that_is_not_loaded_is_refused(self, mind: Mind) -> None:
        with pytest.raises(BadInput):
            list(mind.generate(ask(adapters=(AdapterUse("nobody"),))))
