from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import BadInput, BundleError
from sensorium.inference.fake import FakeBackend
from sensorium.inference.tokenizer import MAX_ROWS, ROW, TextJoiner, Tokenizer
from sensorium.request import Block, Part, Prompt, Scope, Tier


def block(tier: Tier, scope: Scope, *parts: Part) -> Block:
    return Block(tier, scope, "source", parts)


def prompt(*blocks: Block) -> Prompt:
    return Prompt("maya", blocks)


RULES = block(Tier.INVARIANT, Scope.SHARED, Part("<|begin|>", True), Part("rules"))
IDENTITY = block(Tier.INVARIANT, Scope.PERSONA, Part("maya"), Part("<|end|>", True))
ENTRY = block(Tier.SEMI_STABLE, Scope.SHARED, Part("hello"), Part("<|end|>", True))
NEW = block(Tier.VOLATILE, Scope.PERSONA, Part("what now"))


def test_tier_ends_and_marks_are_where_blocks_end() -> None:
    tokens = Tokenizer(FakeBackend()).prompt(prompt(RULES, IDENTITY, ENTRY, ENTRY, NEW))
    assert (tokens.shared, tokens.persona, tokens.history, len(tokens.ids)) == (6, 11, 23, 31)
    assert [m.num_tokens for m in tokens.marks] == [6, 11, 17, 23]
    assert tokens.tier_ends == (6, 11, 23)
    assert tokens.block_tokens == (6, 5, 6, 6, 8)


def test_absent_tiers_end_where_the_one_before_ends() -> None:
    tokens = Tokenizer(FakeBackend()).prompt(prompt(IDENTITY, NEW))
    assert (tokens.shared, tokens.persona, tokens.history) == (0, 5, 5)
    assert tokens.tier_ends == (5,)
    assert Tokenizer(FakeBackend()).prompt(prompt(NEW)).tier_ends == ()


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_what_comes_later_changes_no_earlier_token(a: str, b: str, c: str) -> None:
    tokenizer = Tokenizer(FakeBackend())
    entry = block(Tier.SEMI_STABLE, Scope.SHARED, Part(a))
    first = tokenizer.prompt(prompt(RULES, entry, block(Tier.VOLATILE, Scope.PERSONA, Part(b))))
    second = tokenizer.prompt(prompt(RULES, entry, block(Tier.SEMI_STABLE, Scope.SHARED, Part(c))))
    assert first.ids[: first.history] == second.ids[: first.history]
    assert first.marks == second.marks[: len(first.marks)]


def test_marks_tell_other_tokens_apart() -> None:
    tokenizer = Tokenizer(FakeBackend())
    other = block(Tier.INVARIANT, Scope.SHARED, Part("<|begin|>", True), Part("rulez"))
    assert tokenizer.prompt(prompt(RULES)).marks != tokenizer.prompt(prompt(other)).marks


def test_plain_text_never_becomes_a_special_token() -> None:
    tokenizer = Tokenizer(FakeBackend())
    tokens = tokenizer.prompt(prompt(block(Tier.VOLATILE, Scope.SHARED, Part("<|end|>"))))
    assert len(tokens.ids) == len("<|end|>")
    with pytest.raises(BundleError):
        tokenizer.prompt(prompt(block(Tier.VOLATILE, Scope.SHARED, Part("<|nobody|>", True))))


def test_words_of_a_spoken_format_each_begin_with_one_space() -> None:
    tokenizer = Tokenizer(FakeBackend(), word_space=True)
    texts = ["a word", " a  word ", "a\nword", ""]
    tokens = [list(tokenizer.prompt(prompt(block(Tier.VOLATILE, Scope.SHARED, Part(t)))).ids) for t in texts]
    assert tokens[0] == tokens[1] == tokens[2] == FakeBackend().tokenize(" a word")
    assert tokens[3] == []


def test_parts_are_tokenized_once() -> None:
    class Counting(FakeBackend):
        calls = 0

        def tokenize(self, text: str) -> list[int]:
            self.calls += 1
            return super().tokenize(text)

    backend = Counting()
    tokenizer = Tokenizer(backend)
    for _ in range(5):
        tokenizer.prompt(prompt(RULES, IDENTITY, ENTRY, ENTRY, NEW))
    assert backend.calls == 4


def test_rows_stand_where_the_prompt_says_and_count_as_tokens() -> None:
    heard = block(Tier.VOLATILE, Scope.PERSONA, Part("a", rows=3), Part("or"), Part("b", rows=2))
    tokens = Tokenizer(FakeBackend()).prompt(prompt(RULES, ENTRY, heard))
    assert list(tokens.ids[12:]) == [ROW] * 3 + FakeBackend().tokenize("or") + [ROW] * 2
    assert (tokens.history, tokens.num_rows, tokens.block_tokens) == (12, 5, (6, 6, 7))
    assert [tokens.row_at(i) for i in range(11, 19)] == [None, 0, 1, 2, None, None, 3, 4]
    assert tokens.kind_ends == (12, 15, 17, 19)


def test_rows_change_no_mark_and_a_prompt_without_them_has_no_runs() -> None:
    tokenizer = Tokenizer(FakeBackend())
    heard = block(Tier.VOLATILE, Scope.PERSONA, Part("a", rows=3))
    assert tokenizer.prompt(prompt(RULES, ENTRY, heard)).marks == tokenizer.prompt(prompt(RULES, ENTRY)).marks
    assert tokenizer.prompt(prompt(RULES, NEW)).row_runs == ()


@pytest.mark.parametrize("tier", [Tier.INVARIANT, Tier.SEMI_STABLE])
def test_rows_in_a_stable_tier_are_refused(tier: Tier) -> None:
    with pytest.raises(BadInput, match=tier.name):
        Tokenizer(FakeBackend()).prompt(prompt(block(tier, Scope.SHARED, Part("a", rows=3))))


@pytest.mark.parametrize("part", [Part("a", rows=-1), Part("a", rows=MAX_ROWS + 1), Part("a", True, 3)])
def test_rows_that_cannot_be_are_refused(part: Part) -> None:
    with pytest.raises(BadInput):
        Tokenizer(FakeBackend()).prompt(prompt(block(Tier.VOLATILE, Scope.SHARED, part)))


@given(st.text(max_size=30))
def test_joined_pieces_are_the_text(text: str) -> None:
    data = text.encode("utf-8", "replace")
    joiner = TextJoiner()
    assert "".join(joiner.feed(bytes([b])) for b in data) + joiner.flush() == data.decode()


def test_a_cut_character_is_replaced_and_the_next_reply_starts_afresh() -> None:
    joiner = TextJoiner()
    assert joiner.feed("é".encode()[:1]) == ""
    assert joiner.flush() == "\ufffd"
    assert joiner.feed(b"a") == "a"
