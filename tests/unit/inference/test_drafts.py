"""Given somebody who still speaks, when drafts are made of it, then the turn has little left to read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.inference.engine import Engine, Rows, TimedFake, rows_part, some_rows

from sensorium.clock import ManualClock
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
