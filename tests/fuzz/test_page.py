"""Every record of the page, whole and damaged: it comes out as it went in or is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.examples import fuzz
from tests.fuzz.records import anything, of_type

from sensorium.errors import BadInput
from sensorium.wire import page

WAYS = {"FromPage": page.FromPage, "ToPage": page.ToPage}


def read(message: bytes, way: str) -> tuple[Any, bytes] | None:
    """What a decoder makes of it; it never raises anything but BadInput."""
    try:
        return page.Decoder(WAYS[way]).decode(message)
    except BadInput as e:
        assert "\n" not in e.one_line()
        return None


@pytest.mark.parametrize("way", WAYS)
@fuzz
@given(data=st.data())
def test_fields_of_any_type_are_refused_or_fit(way, data):
    kind = data.draw(st.sampled_from(WAYS[way].__args__))
    names = [field.name for field in msgspec.structs.fields(kind)]
    fields = data.draw(st.fixed_dictionaries(dict.fromkeys(names, anything)))
    header = msgspec.msgpack.encode({"type": kind.__name__, **fields})
    payload = data.draw(st.binary(max_size=8))
    found = read(len(header).to_bytes(4, "little") + header + payload, way)
    assert found is None or (type(found[0]) is kind and found[1] == payload)


@fuzz
@given(data=st.data())
def test_whatever_the_room_says_survives_the_way(data):
    record = data.draw(st.one_of(*map(of_type, page.ToPage.__args__)))
    payload = data.draw(st.binary(max_size=40))
    message = page.encode(record, payload)
    found = read(message, "ToPage")
    # Written out, because NaN is not equal to itself.
    assert found is not None and type(found[0]) is type(record)
    assert page.encode(*found) == message


@pytest.mark.parametrize("way", WAYS)
@fuzz
@given(data=st.data())
def test_a_damaged_message_is_refused_or_another_one(way, data):
    message = bytearray(page.encode(page.Frame(7) if way == "FromPage" else page.Pong(1.0), b"payload"))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(message[: data.draw(st.integers(0, len(message)))]), way)


@pytest.mark.parametrize("way", WAYS)
@fuzz
@given(message=st.binary(max_size=80))
def test_any_bytes_are_refused_or_read(way, message):
    read(message, way)
