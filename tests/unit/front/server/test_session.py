"""Given a connection, when messages come, then those in order are accepted and the others say why not."""

from __future__ import annotations

import pytest

from sensorium.front.server.session import (
    BAD_DATA,
    BYTES_PER_S,
    RECORDS_PER_S,
    REFUSED,
    TOO_LARGE,
    Accepted,
    Refused,
    Session,
)
from sensorium.wire import page

JOIN = page.encode(page.Join("Sam", page.PROTOCOL))


@pytest.fixture
def session() -> Session:
    made = Session()
    assert isinstance(made.take(JOIN, 0.0), Accepted)
    return made


def refused(session: Session, message: bytes, now_s: float = 0.0) -> Refused:
    taken = session.take(message, now_s)
    assert isinstance(taken, Refused)
    assert taken.trouble.fatal is bool(taken.close_code) and taken.trouble.message
    return taken


def test_the_first_record_is_join_of_this_protocol():
    assert refused(Session(), page.encode(page.Say("hello"))).close_code == REFUSED
    assert refused(Session(), page.encode(page.Join("Sam", 2))).trouble.code == "protocol"
    assert Session().take(JOIN, 0.0) == Accepted(page.Join("Sam", 1), b"")


def test_a_join_that_is_not_understood_may_be_said_again():
    session = Session()
    assert refused(session, page.encode(page.Say("a" * 9_000))).close_code == 0
    assert isinstance(session.take(JOIN, 0.0), Accepted)
    assert refused(session, JOIN).close_code == 0


def test_what_is_no_message_of_ours_ends_the_connection(session: Session):
    assert refused(session, b"GET /").close_code == BAD_DATA
    assert refused(session, bytes(page.MAX_MESSAGE_BYTES + 1)).close_code == TOO_LARGE


def test_a_bad_record_changes_nothing(session: Session):
    assert refused(session, page.encode(page.Pong(1.0))).close_code == 0
    assert session.take(page.encode(page.Say("hello", "maya")), 0.0) == Accepted(
        page.Say("hello", "maya"), b""
    )


def test_sound_needs_a_microphone_and_comes_in_short_pieces(session: Session):
    second = page.encode(page.Sound(), bytes(2 * 16_000))
    assert "no microphone" in refused(session, second).trouble.message
    session.take(page.encode(page.OpenMicrophone(16_000)), 0.0)
    assert isinstance(session.take(second, 0.0), Accepted)
    assert "one second" in refused(session, page.encode(page.Sound(), bytes(2 * 16_002))).trouble.message
    session.take(page.encode(page.CloseMicrophone()), 0.0)
    assert refused(session, second).close_code == 0


def test_a_flood_of_records_ends_the_connection_and_a_lively_page_does_not(session: Session):
    ping = page.encode(page.Ping(1.0))
    for tick in range(2_000):
        assert isinstance(session.take(ping, tick / RECORDS_PER_S), Accepted)
    late_s = 2_000 / RECORDS_PER_S
    taken = [session.take(ping, late_s) for _ in range(2 * round(RECORDS_PER_S) + 1)]
    assert isinstance(taken[-1], Refused) and taken[-1].close_code == REFUSED


def test_a_flood_of_bytes_ends_the_connection(session: Session):
    frame = page.encode(page.Frame(1), bytes(page.MAX_FRAME_BYTES))
    most = round(2 * BYTES_PER_S / len(frame))
    assert all(isinstance(session.take(frame, 0.0), Accepted) for _ in range(most - 1))
    assert [type(session.take(frame, 0.0)) for _ in range(2)][-1] is Refused
