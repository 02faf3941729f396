"""Reply, wait or interrupt: what the turn taker decides from what the ear reports."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.turn_taking import (
    PATIENCE_S,
    Decision,
    Event,
    Hold,
    Interrupt,
    Opinion,
    Reply,
    ReplyEnded,
    ReplyStarted,
    Resume,
    Tick,
    TurnTaker,
    Wait,
    is_backchannel,
)
from sensorium.wire.records import (
    EarClosed,
    Reconsidered,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
    Unclear,
    Words,
)

HANDS_FREE = Endpointing(sure_ms=240, unsure_ms=1200, sure_at=1.0)


def decisions(taker: TurnTaker, events: list[tuple[float, Event]]) -> list[Decision]:
    return [taker.handle(event, now_s) for now_s, event in events]


def test_a_sure_ear_and_a_short_silence_end_the_turn() -> None:
    last = decisions(
        TurnTaker(HANDS_FREE),
        [
            (0.0, SpeechStarted(1, 0)),
            (0.8, Words(1, "maya what do you like", 12_800)),
            (0.9, SpeechPaused(1, 14_400, 100, 1.0)),
            (1.05, SpeechPaused(1, 16_800, 250, 1.0)),
        ],
    )

    assert last[-2] == Wait(until_s=pytest.approx(1.04))
    assert last[-1] == Reply("maya what do you like", 12_800)


def test_an_unsure_ear_waits_longer() -> None:
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            (0.0, SpeechStarted(1, 0)),
            (0.8, Words(1, "maya what is", 12_800)),
            (1.4, SpeechPaused(1, 22_400, 600, 0.0)),
            (1.5, SpeechResumed(1, 24_000)),
            (1.9, Words(1, "maya what is your job", 30_400)),
            (2.2, SpeechPaused(1, 35_200, 300, 1.0)),
        ],
    )

    assert not any(isinstance(d, Reply) for d in decided[:-1])
    assert decided[-1] == Reply("maya what is your job", 30_400)


def test_a_tick_ends_the_turn_of_a_source_that_stalled() -> None:
    taker = TurnTaker(HANDS_FREE)
    decisions(taker, [(0.0, SpeechStarted(1, 0)), (0.5, Words(1, "hello", 8_000))])
    waits = taker.handle(SpeechPaused(1, 9_600, 100, 1.0), 0.6)

    assert isinstance(waits, Wait) and waits.until_s is not None
    assert taker.handle(Tick(), waits.until_s - 0.01) == Wait(waits.until_s)
    assert taker.handle(Tick(), waits.until_s) == Reply("hello", 8_000)


def test_without_endpointing_only_the_end_of_the_stream_ends_the_turn() -> None:
    decided = decisions(
        TurnTaker(),
        [
            (0.0, SpeechStarted(1, 0)),
            (0.5, Words(1, "hello maya", 8_000)),
            (5.5, SpeechPaused(1, 88_000, 5_000, 1.0)),
            (6.0, SpeechStarted(1, 96_000)),
            (6.5, Words(1, "what do you like", 104_000)),
            (6.6, EarClosed(1)),
        ],
    )

    assert decided[:-1] == [Wait()] * 5
    assert decided[-1] == Reply("hello maya what do you like", 104_000)


def test_silence_alone_never_asks_for_a_reply() -> None:
    taker = TurnTaker(HANDS_FREE)
    decisions(taker, [(0.0, SpeechStarted(1, 0))])

    assert taker.handle(SpeechPaused(1, 80_000, 5_000, 1.0), 5.0) == Wait()
    assert taker.handle(EarClosed(1), 6.0) == Reply("", 0)


def test_speaking_over_a_reply_interrupts_it_once() -> None:
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            (0.0, ReplyStarted(4)),
            (0.5, SpeechStarted(1, 8_000)),
            (0.7, Words(1, "wait", 11_200)),
            (0.8, Words(1, "wait stop", 12_800)),
            (1.1, Tick()),
            (1.15, ReplyEnded(4)),
            (1.3, SpeechPaused(1, 20_800, 300, 1.0)),
        ],
    )

    assert decided[1:3] == [Hold(4, pytest.approx(1.7)), Wait(pytest.approx(1.1))]
    assert decided[4] == Interrupt(4)
    assert sum(isinstance(d, Interrupt) for d in decided) == 1
    assert decided[-1] == Reply("wait stop", 12_800)


def test_a_listeners_noise_neither_interrupts_nor_asks() -> None:
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            (0.0, ReplyStarted(4)),
            (0.5, SpeechStarted(1, 8_000)),
            (0.7, Words(1, "mm hm", 11_200)),
            (1.2, SpeechPaused(1, 19_200, 500, 1.0)),
            (1.5, ReplyEnded(4)),
            (1.6, EarClosed(1)),
        ],
    )

    assert not any(isinstance(d, Interrupt) for d in decided)
    assert decided[-1] == Reply("", 11_200)


def test_the_models_opinion_counts_only_for_the_words_it_was_asked_about() -> None:
    taker = TurnTaker(HANDS_FREE)
    decisions(taker, [(0.0, SpeechStarted(1, 0)), (0.5, Words(1, "what is my dog", 8_000))])
    decisions(taker, [(0.55, Opinion("what is my dog", 0.0)), (0.6, SpeechPaused(1, 9_600, 100, 0.0))])
    # it thinks that more will come: the silence's own opinion does not count
    assert taker.handle(Tick(), 1.6) == Wait(until_s=pytest.approx(1.7))
    decisions(taker, [(1.61, Words(1, "what is my dog called", 8_000))])
    assert taker.handle(Opinion("what is my dog called", 1.0), 1.62) == Reply("what is my dog called", 8_000)


def test_a_reply_is_held_as_soon_as_somebody_may_speak_and_goes_on_when_it_was_nothing() -> None:
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            (0.0, ReplyStarted(4)),
            (0.5, SpeechSuspected(1, 8_000)),
            (0.6, Tick()),
            (0.66, Tick()),
            (0.7, Tick()),
        ],
    )
    assert decided[1] == Hold(4, pytest.approx(0.65))
    assert decided[2] == Wait(pytest.approx(0.65))
    assert decided[3] == Resume(4)
    assert decided[4] == Wait()


@pytest.mark.parametrize("words", ["", "mm hm", "i see", "oh really"])
def test_after_a_cough_or_a_listeners_noise_the_reply_goes_on(words: str) -> None:
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            (0.0, ReplyStarted(4)),
            (0.5, SpeechSuspected(1, 8_000)),
            (0.53, SpeechStarted(1, 8_000)),
            (0.7, Words(1, words, 11_200)),
            (0.8, SpeechPaused(1, 12_800, 96, 0.1)),
            (0.9, SpeechPaused(1, 12_800, 196, 0.1)),
            (0.91, SpeechPaused(1, 12_800, 206, 0.1)),
            (2.0, SpeechPaused(1, 12_800, 1_300, 1.0)),
            (2.5, ReplyEnded(4)),
        ],
    )
    assert [d for d in decided if not isinstance(d, Wait)] == [Hold(4, pytest.approx(0.65)), Resume(4)]
    # and it was no message
    assert taker.handle(EarClosed(1), 3.0) == Reply("", 11_200)


def test_words_that_nobody_can_make_out_do_not_interrupt_but_insisting_does() -> None:
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            (0.0, ReplyStarted(4)),
            (0.5, SpeechStarted(1, 8_000)),
            (0.8, Words(1, "spoon", 11_200, confidence=0.1)),
            (1.6, Tick()),
            (1.71, Tick()),
        ],
    )
    assert decided[2:4] == [Wait(pytest.approx(1.7))] * 2
    assert decided[4] == Interrupt(4)


def test_who_goes_on_before_the_reply_is_heard_holds_it() -> None:
    taker = TurnTaker(HANDS_FREE)
    decisions(taker, [(0.0, SpeechStarted(1, 0)), (0.5, Words(1, "hello", 8_000))])
    assert isinstance(taker.handle(SpeechPaused(1, 9_600, 250, 1.0), 0.8), Reply)
    decisions(taker, [(0.82, SpeechStarted(1, 13_000))])
    assert taker.handle(ReplyStarted(5), 0.85) == Hold(5, pytest.approx(2.05))
    assert taker.handle(Words(1, "who are you", 16_000), 1.0) == Wait(pytest.approx(1.45))
    # short words are decided when they are over
    assert taker.handle(SpeechPaused(1, 17_000, 100, 0.0), 1.1) == Wait(pytest.approx(1.2))
    assert taker.handle(Tick(), 1.21) == Interrupt(5)


def test_what_was_said_before_somebody_else_is_answered_is_answered_too() -> None:
    """Given two who finish together, when the other one is answered, then these words are no comment on it:
    it goes on, and they are a turn."""
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            (0.0, SpeechStarted(1, 0)),
            (0.8, Words(1, "ada where do you", 12_800)),
            (0.9, SpeechPaused(1, 14_400, 100, 1.0)),
            (0.95, ReplyStarted(4)),
            # the ear's last word comes a little later
            (1.0, Words(1, "ada where do you live", 14_000)),
            (1.05, SpeechPaused(1, 16_800, 250, 1.0)),
        ],
    )

    assert decided[-3] == Wait(pytest.approx(1.04))
    assert decided[-1] == Reply("ada where do you live", 14_000)
    # and what is said from now on is said over the reply again
    assert decisions(taker, [(2.0, SpeechStarted(2, 32_000)), (2.2, Words(2, "wait stop", 35_000))])[
        0
    ] == Hold(4, pytest.approx(3.2))
    assert taker.handle(Tick(), 2.7) == Interrupt(4)


def test_a_cough_meanwhile_neither_interrupts_nor_loses_it() -> None:
    taker = TurnTaker(HANDS_FREE)
    decisions(
        taker,
        [
            (0.0, SpeechStarted(1, 0)),
            (0.8, Words(1, "ada where do you live", 12_800)),
            (0.9, SpeechPaused(1, 14_400, 100, 1.0)),
            (0.95, ReplyStarted(4)),
        ],
    )

    assert isinstance(taker.handle(SpeechSuspected(1, 14_900), 0.96), Hold)
    assert taker.handle(Tick(), 1.2) == Resume(4)
    assert taker.handle(Tick(), 1.3) == Reply("ada where do you live", 12_800)


def test_a_nod_before_the_reply_begins_is_none() -> None:
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            (0.0, SpeechStarted(1, 0)),
            (0.4, Words(1, "mm hm", 6_400)),
            (0.5, SpeechPaused(1, 8_000, 100, 1.0)),
            (0.55, ReplyStarted(4)),
            (2.0, Tick()),
        ],
    )

    assert not any(isinstance(d, Reply) for d in decided) and taker.text == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mm-hm", True),
        ("yeah okay", True),
        ("Right.", True),
        ("wait", False),
        ("yes but no", False),
        ("", False),
    ],
)
def test_backchannels(text: str, expected: bool) -> None:
    assert is_backchannel(text) is expected


EVENTS = st.one_of(
    st.builds(SpeechStarted, st.just(1), st.integers(0, 10**6)),
    st.builds(
        Words, st.just(1), st.sampled_from(["hello", "mm", "maya what now", ""]), st.integers(0, 10**6)
    ),
    st.builds(SpeechPaused, st.just(1), st.integers(0, 10**6), st.integers(0, 3000), st.floats(0, 1)),
    st.builds(SpeechResumed, st.just(1), st.integers(0, 10**6)),
    st.builds(SpeechSuspected, st.just(1), st.integers(0, 10**6)),
    st.builds(Opinion, st.sampled_from(["hello", "maya what now", ""]), st.floats(0, 1)),
    st.builds(Unclear, st.just(1), st.integers(1, 3), st.integers(0, 10**6)),
    st.builds(Reconsidered, st.just(1), st.integers(1, 3), st.sampled_from(["hello", ""])),
    st.builds(EarClosed, st.just(1)),
    st.builds(ReplyStarted, st.integers(1, 5)),
    st.builds(ReplyEnded, st.integers(1, 5)),
    st.just(Tick()),
)
LOGS = st.lists(st.tuples(st.floats(0, 2), EVENTS), max_size=30)


@settings(max_examples=60, deadline=None)
@given(LOGS)
def test_the_same_log_replays_to_the_same_decisions(log: list[tuple[float, Event]]) -> None:
    now_s, timed = 0.0, []
    for step_s, event in log:
        now_s += step_s
        timed.append((now_s, event))

    first = decisions(TurnTaker(HANDS_FREE), timed)
    again = decisions(TurnTaker(HANDS_FREE), timed)

    assert first == again


@settings(max_examples=60, deadline=None)
@given(LOGS)
def test_it_only_interrupts_the_reply_that_is_under_way(log: list[tuple[float, Event]]) -> None:
    taker, now_s, replying = TurnTaker(HANDS_FREE), 0.0, 0
    for step_s, event in log:
        now_s += step_s
        decision = taker.handle(event, now_s)
        if isinstance(event, ReplyStarted):
            replying = event.turn_id
        if isinstance(event, ReplyEnded) and event.turn_id == replying:
            replying = 0
        if isinstance(decision, Interrupt):
            assert decision.turn_id == replying != 0
            replying = 0
        if isinstance(decision, Reply) and not isinstance(event, EarClosed):
            assert decision.text


@settings(max_examples=100, deadline=None)
@given(LOGS)
def test_a_held_reply_is_resumed_or_interrupted_or_over(log: list[tuple[float, Event]]) -> None:
    taker, now_s, held = TurnTaker(HANDS_FREE), 0.0, 0
    for step_s, event in log:
        now_s += step_s
        decision = taker.handle(event, now_s)
        if isinstance(event, ReplyStarted) or (isinstance(event, ReplyEnded) and event.turn_id == held):
            held = 0
        if isinstance(decision, Hold):
            assert held == 0
            held = decision.turn_id
        elif isinstance(decision, Resume | Interrupt):
            assert not isinstance(decision, Resume) or decision.turn_id == held
            held = 0
    # left alone, it does not stay held
    for _ in range(4):
        decision = taker.handle(Tick(), now_s := now_s + 2.0)
        held = 0 if isinstance(decision, Resume | Interrupt) else held
    assert held == 0


# Two words that nobody can make out, over after half a second of speech; silence since.
UNCLEAR: list[tuple[float, Event]] = [
    (0.0, SpeechStarted(1, 0)),
    (0.5, Words(1, "may at", 8_000, (), 0.1)),
    (0.7, Unclear(1, 1, 8_000)),
    (0.7, SpeechPaused(1, 8_000, 200, 1.0)),
]


def test_who_was_not_made_out_waits_for_the_second_opinion_and_no_longer() -> None:
    taker = TurnTaker(HANDS_FREE)
    assert decisions(taker, UNCLEAR)[-1] == Wait(until_s=pytest.approx(0.7 + PATIENCE_S))
    assert taker.handle(SpeechPaused(1, 8_000, 900, 1.0), 1.4) == Wait(
        until_s=pytest.approx(0.7 + PATIENCE_S)
    )
    # when it comes, then it is what was said
    assert taker.awaits(1, 2.0) and not taker.awaits(2, 2.0)
    assert taker.handle(Reconsidered(1, 1, "maya hello"), 2.0) == Reply("maya hello", 8_000)
    assert not taker.awaits(1, 2.0)


def test_an_opinion_that_is_none_ends_the_wait_and_the_ears_own_words_stand() -> None:
    taker = TurnTaker(HANDS_FREE)
    decisions(taker, UNCLEAR)
    assert taker.handle(Reconsidered(1, 1, ""), 2.0) == Reply("may at", 8_000)


def test_one_that_takes_too_long_is_dropped() -> None:
    taker = TurnTaker(HANDS_FREE)
    decisions(taker, UNCLEAR)
    late_s = 0.7 + PATIENCE_S + 0.01
    assert taker.handle(Tick(), late_s) == Reply("may at", 8_000)
    assert not taker.awaits(1, late_s)
    assert taker.handle(Reconsidered(1, 1, "maya hello"), late_s) == Wait()
    assert taker.text == ""


def test_an_utterance_without_words_holds_nobody_up_but_may_turn_out_to_be_one() -> None:
    events: list[tuple[float, Event]] = [
        (0.0, SpeechStarted(1, 0)),
        (0.7, Unclear(1, 1, 8_000)),
        (0.7, SpeechPaused(1, 8_000, 200, 1.0)),
    ]
    taker = TurnTaker(HANDS_FREE)
    assert decisions(taker, events)[-1] == Wait()
    assert taker.handle(Reconsidered(1, 1, "maya hello"), 2.0) == Reply("maya hello", 8_000)
    # and not for ever
    taker = TurnTaker(HANDS_FREE)
    decisions(taker, events)
    assert taker.handle(Reconsidered(1, 1, "maya hello"), 0.8 + PATIENCE_S) == Wait()


def test_who_speaks_on_is_listened_to_and_each_opinion_finds_its_utterance() -> None:
    taker = TurnTaker(HANDS_FREE)
    decided = decisions(
        taker,
        [
            *UNCLEAR,
            (1.0, SpeechStarted(1, 16_000)),
            (1.5, Words(1, "what time is it", 24_000)),
            (1.6, Reconsidered(1, 1, "maya hello")),
            (1.8, SpeechPaused(1, 24_000, 300, 1.0)),
        ],
    )
    assert not any(isinstance(d, Reply) for d in decided[:-1])
    assert decided[-1] == Reply("maya hello what time is it", 24_000)


def test_what_interrupts_a_reply_waits_for_no_opinion() -> None:
    """given a reply that sounds, when somebody speaks over it, then only the ear's own words count"""
    taker = TurnTaker(HANDS_FREE)
    taker.handle(ReplyStarted(7), 0.0)
    held = decisions(taker, UNCLEAR)
    assert held[0] == Hold(7, until_s=pytest.approx(1.2))
    # unclear words that ended do not interrupt, and the reply goes on at its time, not when an opinion came
    assert held[-1] == Resume(7)
    assert not taker.awaits(1, 0.8)
    assert taker.handle(Reconsidered(1, 1, "wait please stop"), 0.9) == Wait()


def test_a_clear_interruption_is_one_while_an_opinion_of_the_sentence_before_is_awaited() -> None:
    taker = TurnTaker(HANDS_FREE)
    decisions(taker, UNCLEAR)
    taker.handle(ReplyStarted(7), 1.0)
    assert isinstance(taker.handle(SpeechStarted(1, 24_000), 1.5), Hold)
    taker.handle(Words(1, "wait please stop", 32_000), 2.0)
    assert taker.handle(Tick(), 2.11) == Interrupt(7)


def test_a_recording_waits_as_long_as_the_ear_does() -> None:
    taker = TurnTaker()
    decisions(taker, UNCLEAR)
    assert taker.handle(Reconsidered(1, 1, "maya hello"), 40.0) == Wait()
    assert taker.handle(EarClosed(1), 40.0) == Reply("maya hello", 8_000)
