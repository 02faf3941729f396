"""Given somebody who still speaks, when drafts are made of it, then the turn has little left to read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.inference.engine import Engine, Rows, TimedFake, rows_part, some_rows

from sensorium.clock import ManualClock
from sensorium.inference.backend import Backend, Span
from sensorium.inference.jobs import Finished, Request, Said, Settled, Urgency
from sensorium.inference.tokenizer import TokenizedPrompt
from sensorium.request import Block, Part, Prompt, Scope, Tier

MEMORY = Part("sam likes tea")


class Room:
    """A scheduler, and what is being said to "maya": one row a word, behind what she recalls."""

    def __init__(self, num_words: int = 6) -> None:
        clock = ManualClock()
        self.engine = Engine(TimedFake(clock, sequences=8), clock)
        self.words = some_rows(num_words)
        self.close = self.engine.backend.special("<|end|>")
        self.said_last = ""
        self._next_id = 0

    def prompt(
        self, num_words: int, *, whole: bool, memory: Part = MEMORY, who: str = "maya"
    ) -> TokenizedPrompt:
        blocks = [
            Block(Tier.INVARIANT, Scope.SHARED, "rules", (Part("<|begin|>", True), Part("rules"))),
            Block(Tier.INVARIANT, Scope.PERSONA, "identity", (Part(who), Part("<|end|>", True))),
            Block(Tier.VOLATILE, Scope.PERSONA, "memories", (memory,)),
            Block(
                Tier.VOLATILE, Scope.PERSONA, "newest", (Part("sam:"), *map(rows_part, self.said(num_words)))
            ),
        ]
        if whole:
            blocks.append(
                Block(Tier.VOLATILE, Scope.PERSONA, "reply", (Part("<|end|>", True), Part("maya:")))
            )
        return self.engine.tokenizer.prompt(Prompt(who, tuple(blocks)))

    def said(self, num_words: int) -> list[Rows]:
        return [self.words[i : i + 1] for i in range(num_words)]

    def draft(self, num_words: int, memory: Part = MEMORY, who: str = "maya") -> Settled:
        prompt = self.prompt(num_words, whole=False, memory=memory, who=who)
        return self._run(prompt, num_words, close=self.close, who=who)

    def turn(self, num_words: int, who: str = "maya") -> Finished:
        ended = self._run(self.prompt(num_words, whole=True, who=who), num_words, max_tokens=4, who=who)
        assert isinstance(ended, Finished)
        return ended

    def _run(
        self, prompt: TokenizedPrompt, num_words: int, *, close: int = -1, max_tokens: int = 0, who: str
    ) -> Finished | Settled:
        self._next_id += 1
        turn_id = -self._next_id if close >= 0 else self._next_id
        urgency = Urgency.HEARING if close >= 0 else Urgency.SPEAKING
        rows = self.words[:num_words] if num_words else None
        scheduler = self.engine.scheduler
        scheduler.submit(Request(turn_id, who, prompt, max_tokens, urgency=urgency, rows=rows, close=close))
        self.said_last = ""
        while scheduler.has_work:
            for event in scheduler.step():
                if isinstance(event, Said):
                    self.said_last += event.text
                if isinstance(event, Finished | Settled):
                    return event
        raise AssertionError("it never ended")

    def num_drafts(self) -> int:
        return self.engine.scheduler.prefix_cache.num_by_kind()["draft"]


def test_each_draft_reads_only_the_new_words_and_the_turn_only_the_end() -> None:
    room = Room()
    room.draft(2)
    assert [room.draft(n).processed_tokens for n in (3, 5, 6)] == [1, 2, 1]
    assert room.num_drafts() == 1
    # when the person has finished
    usage = room.turn(6).usage
    # then only what closes the message and opens the reply is left
    assert usage.processed_tokens == len("maya:") + 1
    assert room.num_drafts() == 0


def test_a_draft_says_how_likely_the_message_is_over() -> None:
    room = Room()
    opinion = room.draft(3).p_close
    assert 0.0 < opinion < 1.0 and opinion != pytest.approx(room.draft(5).p_close)
    # the same draft again is still asked, and thinks the same
    assert room.draft(3).p_close == pytest.approx(opinion)


def test_other_memories_cost_what_comes_after_them_and_history_stays() -> None:
    room = Room()
    room.draft(4)
    again = room.draft(4, memory=Part("sam has a dog"))
    assert again.processed_tokens == len("sam has a dog") + len("sam:") + 4
    assert room.num_drafts() == 1
    assert room.turn(4).usage.cached_tokens >= len("rules")


def test_a_draft_for_somebody_else_is_of_no_use_and_does_no_harm() -> None:
    room = Room()
    room.draft(4)
    cold = Room().turn(4, who="hugo").usage
    assert room.turn(4, who="hugo").usage.prompt_tokens == cold.prompt_tokens
    assert room.num_drafts() == 1
    assert room.turn(4).usage.processed_tokens == len("maya:") + 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.sampled_from(["maya", "hugo"])), max_size=12))
def test_whatever_was_drafted_a_turn_says_what_it_says_cold(steps: list[tuple[int, bool, str]]) -> None:
    room = Room()
    for num_words, whole, who in steps:
        if not whole:
            room.draft(num_words, who=who)
            continue
        warm = room.turn(num_words, who=who)
        alone = Room()
        cold = alone.turn(num_words, who=who)
        assert room.said_last == alone.said_last
        assert warm.usage.prompt_tokens == cold.usage.prompt_tokens
        assert warm.usage.processed_tokens <= cold.usage.processed_tokens
        assert room.num_drafts() <= 2


OPENINGS = ((1,), (2, 70), (2, 71), (2, 3, 72))


def share_of(backend: Backend, ids: Sequence[int], opening: Sequence[int]) -> float:
    """How likely the opening comes behind `ids`, computed from nothing and token by token."""
    share = 1.0
    for i, token in enumerate(opening):
        backend.decode([Span(15, 0, [*ids, *opening[:i]], True)], ())
        logits = backend.logits(15).astype(np.float64)
        backend.drop(15)
        share *= float(np.exp(logits[token] - np.logaddexp.reduce(logits)))
    return share


def drafted(engine: Engine, prompt: TokenizedPrompt, turn_id: int = -1) -> Settled:
    close = engine.backend.special("<|end|>")
    urgency = Urgency.HEARING
    engine.scheduler.submit(Request(turn_id, "maya", prompt, urgency=urgency, close=close, openings=OPENINGS))
    while engine.scheduler.has_work:
        for event in engine.scheduler.step():
            if isinstance(event, Settled) and event.turn_id == turn_id:
                return event
    raise AssertionError("it never ended")


def test_a_draft_says_who_would_answer_it(backend: Backend) -> None:
    # given any backend, one with a recurrent state too
    engine = Engine(backend)
    prompt = engine.prompt("maya", ["hello"], new="what do you like")
    close = backend.special("<|end|>")
    expected = [share_of(backend, [*prompt.ids, close], opening) for opening in OPENINGS]
    # when asked twice of the same draft, and once after more was heard
    first, second = drafted(engine, prompt), drafted(engine, prompt, -2)
    # then it is what a cold computation gives
    assert first.p_openings == pytest.approx(expected, rel=0.05, abs=1e-6)
    assert second.p_openings == pytest.approx(expected, rel=0.05, abs=1e-6)
    # and nothing of the question is left behind
    engine.scheduler.prefix_cache.clear()
    assert engine.scheduler.sequences.num_free == backend.info.max_sequences
    assert engine.scheduler.sequences.num_cells_used == 0


def test_without_room_for_the_question_the_draft_is_made_and_nothing_said() -> None:
    clock = ManualClock()
    engine = Engine(TimedFake(clock, sequences=2), clock)
    settled = drafted(engine, engine.prompt("maya", new="what do you like"))
    assert settled.p_openings == () and 0.0 < settled.p_close < 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 12), st.integers(1, 40))
def test_who_speaks_meanwhile_says_what_he_says_alone(steps: int, num_words: int) -> None:
    def run(*, asks: bool) -> str:
        clock = ManualClock()
        engine = Engine(TimedFake(clock, sequences=16), clock)
        engine.scheduler.submit(Request(1, "hugo", engine.prompt("hugo", ["hello"]), 24))
        said = ""
        for step in range(200):
            if step == steps and asks:
                prompt = engine.prompt("maya", ["hello"], new="a " * num_words)
                close = engine.backend.special("<|end|>")
                engine.scheduler.submit(
                    Request(-1, "maya", prompt, urgency=Urgency.HEARING, close=close, openings=OPENINGS)
                )
            said += "".join(e.text for e in engine.scheduler.step() if isinstance(e, Said))
        return said

    assert run(asks=True) == run(asks=False)
