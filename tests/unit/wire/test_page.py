"""A message of the page: what is let in, what is refused, and what the page of the protocol says of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensorium.errors import BadInput
from sensorium.wire import events, page

PAGE = (Path(__file__).parents[3] / "docs" / "page-protocol.md").read_text(encoding="utf-8")


def message(header: object, payload: bytes = b"") -> bytes:
    packed = msgspec.msgpack.encode(header)
    return len(packed).to_bytes(4, "little") + packed + payload


def test_a_message_is_length_header_and_payload():
    framed = page.encode(page.Frame(7), b"\xff\xd8")

    header = msgspec.msgpack.encode({"type": "Frame", "number": 7})
    assert framed == len(header).to_bytes(4, "little") + header + b"\xff\xd8"
    assert page.Decoder(page.FromPage).decode(framed) == (page.Frame(7), b"\xff\xd8")


@pytest.mark.parametrize(
    "damaged", [b"", b"\x01\x00", b"\x05\x00\x00\x00abcd", b"\xff\xff\xff\xff" + b"a" * 90]
)
def test_what_cannot_be_taken_apart_is_another_protocol(damaged):
    with pytest.raises(page.Unframed):
        page.Decoder(page.FromPage).decode(damaged)


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"type": "Nonsense"}, b""),
        ({"type": "Welcome"}, b""),  # the other direction
        ({"type": "Say"}, b""),
        ({"type": "Say", "text": "a" * 8_001}, b""),
        ({"type": "Say", "text": 7}, b""),
        ({"type": "Say", "text": "hello"}, b"more"),
        ({"type": "OpenMicrophone", "sample_rate_hz": 7_999}, b""),
        ({"type": "Heard", "turn_id": -1, "samples": 1}, b""),
        ({"type": "Sound"}, b"odd"),
        ({"type": "Sound"}, bytes(192_002)),
        ({"type": "Touches"}, bytes(65_537)),
        ({"type": "Frame", "number": 1}, bytes(4_000_001)),
        ([1, 2], b""),
    ],
)
def test_a_record_that_is_not_what_it_should_be_is_refused_in_one_line(header, payload):
    with pytest.raises(BadInput) as caught:
        page.Decoder(page.FromPage).decode(message(header, payload))
    assert not isinstance(caught.value, page.Unframed)
    assert "\n" not in caught.value.one_line()


def test_whole_numbers_are_integers_and_times_may_be():
    decoder = page.Decoder(page.FromPage)
    assert decoder.decode(message({"type": "Ping", "at_ms": 3})) == (page.Ping(3.0), b"")
    with pytest.raises(BadInput, match="turn_id"):
        decoder.decode(message({"type": "Stop", "turn_id": 3.0}))


def tables() -> dict[str, list[str]]:
    """Record name to the fields that the page of the protocol gives it."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in PAGE.splitlines()]
    found = {}
    for row in rows:
        if len(row) == 4 and row[0].startswith("`"):
            found[row[0].strip("`")] = [f.strip().strip("`") for f in row[1].split(",") if f.strip()]
    return found


def test_the_tables_have_every_record_with_its_fields():
    defined = {cls.__name__: cls for cls in (*page.Record.__subclasses__(), *events.Event.__subclasses__())}
    said = tables()

    assert sorted(said) == sorted(defined)
    for name, fields in said.items():
        assert fields == [field.name for field in msgspec.structs.fields(defined[name])], name


def test_the_bounds_are_those_of_the_code():
    for most in (page.MAX_FRAME_BYTES, page.MAX_TOUCHES_BYTES, page.MAX_SOUND_BYTES, page.MAX_HEADER_BYTES):
        assert f"{most:,}" in PAGE
    assert page.SUBPROTOCOL in PAGE
