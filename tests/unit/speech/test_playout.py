"""Given a mind that makes frames at its own pace, when they leave as the playout says, then a loudspeaker
that plays them as they come stands still as little as may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.clock import ManualClock
from sensorium.speech.playout import (
    AGAIN_S,
    BEGIN_SOUND_S,
    BEGIN_WAIT_S,
    MAX_DRY_LEAD_S,
    MAX_LEAD_S,
    NUM_DRY_REPLIES,
    NUM_REPLIES,
    Lead,
    Need,
    Playout,
)

RATE, FRAME = 16_000, 640
FRAME_S = FRAME / RATE


class Heard:
    """What a loudspeaker had of one reply."""

    def __init__(self) -> None:
        self.chunks: list[int] = []
        self.left_s: list[float] = []
        self.gaps_s: list[float] = []


def reply(lead: Lead, made_s: list[float]) -> Heard:
    """A frame is made after each of so many seconds."""
    clock, heard = ManualClock(), Heard()
    playout = Playout(lead, clock, RATE)
    pending, plays_until_s = 0, 0.0

    def leave(num_samples: int) -> None:
        nonlocal plays_until_s
        now_s = clock.now_s()
        if heard.chunks and now_s > plays_until_s + 1e-9:
            heard.gaps_s.append(now_s - plays_until_s)
        plays_until_s = max(plays_until_s, now_s) + num_samples / RATE
        heard.chunks.append(num_samples)
        heard.left_s.append(now_s)
        playout.left(num_samples)

    for seconds in made_s:
        clock.advance(seconds)
        pending += FRAME
        if playout.may_leave(pending):
            leave(pending)
            pending = 0
    if pending:
        leave(pending)
    playout.over()
    assert sum(heard.chunks) == FRAME * len(made_s)
    return heard


def test_a_mind_that_keeps_up_is_heard_with_its_third_frame_and_never_stops() -> None:
    lead = Lead()
    for _ in range(3):
        heard = reply(lead, [0.015] * 100)
        assert heard.left_s[0] == pytest.approx(3 * 0.015) and heard.gaps_s == []
        assert heard.chunks[0] == 3 * FRAME >= BEGIN_SOUND_S * RATE
        assert max(heard.chunks) == round(AGAIN_S * RATE)
    assert lead.seconds <= 3 * 0.015


def test_one_that_does_not_is_heard_after_a_bounded_wait() -> None:
    heard = reply(Lead(), [0.05] * 10)
    assert heard.left_s[0] == pytest.approx(0.15) and BEGIN_WAIT_S <= 0.1


def test_a_short_stall_at_the_beginning_is_not_heard() -> None:
    assert reply(Lead(), [0.02, 0.02, 0.02, 0.1, *[0.02] * 20]).gaps_s == []


def test_after_a_reply_that_was_late_the_next_keeps_back_as_much_and_is_whole() -> None:
    # given a stall after the third frame
    stalling = [0.03, 0.03, 0.03, 0.15, *[0.03] * 30]
    lead = Lead()
    assert len(reply(lead, stalling).gaps_s) == 1
    waited_s, in_hand_s = 0.06, 3 * FRAME_S
    assert lead.seconds == pytest.approx(waited_s + 0.15 - in_hand_s, abs=0.001)
    # when the same comes again
    heard = reply(lead, stalling)
    # then it began later, and did not stop
    assert heard.gaps_s == [] and heard.left_s[0] > 0.09


def test_what_no_reply_needed_for_a_while_is_given_up() -> None:
    lead = Lead()
    lead.add(Need(0.09))
    for _ in range(NUM_REPLIES - 1):
        reply(lead, [0.015] * 30)
        assert lead.seconds == 0.09
    reply(lead, [0.015] * 30)
    # nobody waits for more than is in the nature of it
    assert lead.seconds < 0.06


def test_who_ran_dry_waits_once_and_not_for_every_frame() -> None:
    """given a mind slower than its speech"""
    heard = reply(Lead(), [0.05] * 50)
    stops = len(heard.gaps_s)
    # then there is a gap for every so many frames
    assert 1 <= stops <= 50 * FRAME_S / AGAIN_S + 1
    assert all(n * 1.0 >= FRAME for n in heard.chunks)


def test_short_replies_teach_nothing() -> None:
    lead = Lead()
    lead.add(Need(0.09))
    for _ in range(2 * NUM_REPLIES):
        reply(lead, [0.015] * 5)
    assert lead.seconds == 0.09


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=80))
def test_the_lead_is_bounded_and_nothing_is_lost(made_s: list[float]) -> None:
    lead = Lead()
    for _ in range(2):
        reply(lead, made_s)
        assert 0.0 <= lead.seconds <= MAX_DRY_LEAD_S


def test_who_ran_dry_by_much_has_more_in_hand_until_replies_are_whole_again() -> None:
    """given a mind that now and then stands still for a quarter of a second"""
    stalling = [*[0.03] * 6, 0.4, *[0.03] * 30]
    lead = Lead()
    assert len(reply(lead, stalling).gaps_s) == 1
    assert MAX_LEAD_S < lead.seconds <= MAX_DRY_LEAD_S

    # when it does so again, then nobody hears it
    assert reply(lead, stalling).gaps_s == []

    # and when it does so no more, then replies are as early as before
    for _ in range(NUM_DRY_REPLIES):
        reply(lead, [0.015] * 30)
    assert lead.seconds == MAX_LEAD_S
