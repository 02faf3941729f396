"""Clocks that jump, back and far ahead: nothing raises, nothing waits for ever, nothing wrong is told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.fuzz.examples import fuzz
from tests.fuzz.records import of_type
from tests.unit.prompting.views import FORMATS, a_view

from sensorium.budgets import Meter
from sensorium.clock import ManualClock
from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.floor import Floor, RoomNow, Seat
from sensorium.dialogue.turn_taking import Reply, ReplyEnded, ReplyStarted, Tick, TurnTaker, Wait
from sensorium.front.loop_lag import LoopLag
from sensorium.metrics import Counters
from sensorium.prompting.cache import CompositionCache
from sensorium.prompting.compose import compose
from sensorium.recipe import FloorRules
from sensorium.wire.records import EarClosed, SpeechPaused, SpeechResumed, SpeechStarted, Words

times = st.floats(0, 1) | st.floats(-1e12, 1e12) | st.sampled_from([0.0, -1.0, 1e12])
texts = st.sampled_from(["", "maya hello", "mm hm", "yeah", "stop"])
turn_ids = st.integers(0, 3)
ear_events = st.one_of(
    st.builds(SpeechStarted, stream_id=st.just(1), at_sample=st.integers(-5, 2**40)),
    st.builds(Words, stream_id=st.just(1), text=texts, until_sample=st.integers(-5, 2**40)),
    st.builds(
        SpeechPaused,
        stream_id=st.just(1),
        at_sample=st.integers(-5, 2**40),
        silence_ms=st.integers(-(2**31), 2**31),
        p_end=st.floats(),
    ),
    of_type(SpeechResumed),
    of_type(EarClosed),
    st.builds(ReplyStarted, turn_ids),
    st.builds(ReplyEnded, turn_ids),
    st.just(Tick()),
)


class Jumpy(ManualClock):
    """Shows one time after the other, whatever passes."""

    def __init__(self, shown: list[float]) -> None:
        super().__init__()
        self._shown = itertools.cycle(shown or [0.0])

    def now_s(self) -> float:
        return next(self._shown)


@fuzz
@given(st.lists(st.tuples(ear_events, times), max_size=20), times, st.booleans())
def test_after_any_past_a_sentence_is_still_answered(past, now_s, hands_free):
    """given any events at any times, when somebody speaks and is silent for long, then they get a reply"""
    taker = TurnTaker(Endpointing() if hands_free else None)
    for event, at_s in past:
        decision = taker.handle(event, at_s)
        if isinstance(decision, Wait) and decision.until_s is not None:
            assert math.isfinite(decision.until_s)
    for turn_id in range(4):
        taker.handle(ReplyEnded(turn_id), now_s)
    taker.handle(SpeechStarted(1, 0), now_s)
    taker.handle(Words(1, "what is this", 99), now_s)
    paused = taker.handle(SpeechPaused(1, 99, 5_000, 1.0), now_s)
    reply = paused if hands_free else taker.handle(EarClosed(1), now_s)
    assert isinstance(reply, Reply) and reply.text.endswith("what is this")


@fuzz
@given(st.floats(), st.floats())
def test_any_opinion_gives_a_wait_between_the_two(p_end, silence_ms):
    endpointing = Endpointing()
    assert endpointing.sure_ms <= endpointing.wait_ms(p_end) <= endpointing.unsure_ms
    assert endpointing.is_end(silence_ms, p_end) in (True, False)


@fuzz
@given(times, st.sampled_from(["addressed", "last_speaker", "round_robin"]))
def test_the_floor_takes_any_age_of_the_last_words(ago_s, policy):
    seats = (Seat("maya", "Maya"), Seat("hugo", "Hugo"))
    room = RoomNow(seats, last_persona_id="hugo", last_spoke_s_ago=ago_s)
    assert Floor(FloorRules(policy=policy)).choose("maya hello", room).persona_id == "maya"
    assert Floor(FloorRules(policy=policy)).choose("and you", room).persona_id in ("maya", "hugo", None)


@fuzz
@given(st.lists(st.tuples(times, st.integers(0, 3)), min_size=1, max_size=6), st.sampled_from(FORMATS))
def test_the_composition_cache_never_shows_an_old_prompt(steps, prompt_format):
    """given a clock that shows anything, when prompts are made, then each is what it is without a cache"""
    shown_s = [at_s for at_s, _ in steps]
    cache = CompositionCache(Jumpy(shown_s))
    view = a_view()
    for at_s, cut in steps:
        now = replace(view, wall_s=at_s, history=view.history[: len(view.history) - cut])
        assert cache.compose(now, prompt_format) == compose(now, prompt_format)


def test_a_composition_made_before_the_clock_went_back_is_not_kept_for_ever():
    cache = CompositionCache(Jumpy([1e9, 0.0, 0.0]))
    cache.compose(a_view(), FORMATS[0])
    cache.compose(a_view(), FORMATS[0])
    assert cache.stats()["expired"] == 1


@fuzz
@given(st.floats() | times, st.integers(-(2**31), 2**31), st.sampled_from(FORMATS))
def test_any_wall_clock_has_a_prompt(wall_s, utc_offset_s, prompt_format):
    assert compose(replace(a_view(), wall_s=wall_s, utc_offset_s=utc_offset_s), prompt_format).blocks


def test_loop_lag_is_never_negative_and_counts_a_jump():
    counters = Counters()
    lag = LoopLag(Jumpy([5.0, 1e6, 7.0, -3.0, 2.0, 2.01]), Meter("front", counters))

    async def some_rounds() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await lag.run()

    asyncio.run(some_rounds())
    assert lag.summary()["max"] >= 0.0 and math.isfinite(lag.summary()["max"])
    assert counters.get("budget_missed_total", stage="loop_lag") >= 1
