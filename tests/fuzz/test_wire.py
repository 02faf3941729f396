"""Every record in both directions, whole and damaged: it comes out as it went in or is refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.examples import fuzz
from tests.fuzz.records import UNIONS, anything, of_union

from sensorium.errors import BadInput
from sensorium.wire import framing


def refused_or_read(stream: bytes, union: object, cut: int) -> list[tuple[object, bytes]]:
    """What a decoder makes of the stream in two pieces; it never raises anything but BadInput."""
    decoder = framing.Decoder(union)
    try:
        found = [*decoder.feed(stream[:cut]), *decoder.feed(stream[cut:])]
    except BadInput as e:
        assert "\n" not in e.one_line()
        with pytest.raises(BadInput):
            decoder.feed(b"")
        return []
    assert decoder.num_pending_bytes <= len(stream)
    return found


@pytest.mark.parametrize("name", UNIONS)
@fuzz
@given(data=st.data())
def test_every_record_survives_the_way(name, data):
    record, payload = data.draw(of_union(name)), data.draw(st.binary(max_size=40))
    frame = framing.encode(record, payload)
    # Written out, because NaN is not equal to itself.
    ((read, carried),) = framing.Decoder(UNIONS[name]).feed(frame)
    assert type(read) is type(record) and carried == payload
    assert framing.encode(read, carried) == frame


@pytest.mark.parametrize("name", UNIONS)
@fuzz
@given(data=st.data())
def test_a_damaged_record_is_refused_or_another_one(name, data):
    frame = bytearray(framing.encode(data.draw(of_union(name)), b"payload"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        # The high bytes of the lengths stay: whoever promises 15 MB is only waited for.
        frame[at] = data.draw(st.integers(0, 255)) if at not in (2, 3, 6, 7) else 0
    refused_or_read(bytes(frame) + framing.encode(data.draw(of_union(name))), UNIONS[name], len(frame) // 2)


@pytest.mark.parametrize("name", UNIONS)
@fuzz
@given(data=st.data())
def test_fields_of_any_type_are_refused_or_fit(name, data):
    kind = data.draw(st.sampled_from(UNIONS[name].__args__))
    names = [field.name for field in msgspec.structs.fields(kind)]
    fields = data.draw(st.fixed_dictionaries(dict.fromkeys(names, anything)))
    header = msgspec.msgpack.encode({"type": kind.__name__, **fields})
    for record, _ in refused_or_read(framing.frame(header, b""), UNIONS[name], 5):
        assert type(record) is kind
