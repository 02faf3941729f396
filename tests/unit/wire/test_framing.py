from __future__ import annotations

import itertools
import struct
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium.persona import Voice
from sensorium.request import Block, Part, Prompt, Sampling, Scope, Tier
from sensorium.wire import framing
from sensorium.wire.records import (
    FromSpeech,
    Generate,
    Ping,
    Ready,
    Say,
    Sound,
    Speak,
    Stats,
    ToLlm,
    ToSpeech,
)

speech_records = st.one_of(
    st.builds(Ping, nonce=st.integers(0, 2**63)),
    st.builds(Say, turn_id=st.integers(0, 2**63), text=st.text(max_size=40)),
    st.builds(
        Speak,
        turn_id=st.integers(0, 2**63),
        voice=st.builds(Voice, espeak=st.text(max_size=9)),
        until_ms=st.integers(0, 2**63),
    ),
)
messages = st.lists(st.tuples(speech_records, st.binary(max_size=200)), max_size=8)


def chunked(stream: bytes, cuts: list[int]) -> list[bytes]:
    borders = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(borders)]


@settings(max_examples=60, deadline=None)
@given(messages, st.lists(st.integers(0, 5000), max_size=12))
def test_any_chunking_gives_the_same_records(sent, cuts):
    stream = b"".join(framing.encode(record, payload) for record, payload in sent)
    decoder = framing.Decoder(ToSpeech)
    received = [message for chunk in chunked(stream, cuts) for message in decoder.feed(chunk)]
    assert received == sent
    assert decoder.num_pending_bytes == 0


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))
def test_garbage_is_refused_or_waits_but_never_crashes(garbage, cuts):
    # Small lengths in front, so that the header really reaches the record decoder.
    framed = struct.pack("<IIQ", len(garbage), 0, 0) + garbage
    for stream in (garbage, framed):
        decoder = framing.Decoder(FromSpeech)
        try:
            for chunk in chunked(stream, cuts):
                decoder.feed(chunk)
        except BadInput as e:
            assert "\n" not in e.one_line()
            with pytest.raises(BadInput):
                decoder.feed(b"")


@settings(max_examples=60, deadline=None)
@given(messages.filter(len), st.data())
def test_a_truncated_stream_gives_its_whole_records_and_keeps_the_rest(sent, data):
    frames = [framing.encode(record, payload) for record, payload in sent]
    stream = b"".join(frames)
    cut = data.draw(st.integers(0, len(stream)))
    decoder = framing.Decoder(ToSpeech)
    received = decoder.feed(stream[:cut])
    assert received == sent[: len(received)]
    assert sum(map(len, frames[: len(received)])) + decoder.num_pending_bytes == cut


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_one_damaged_byte_never_crashes(position, value):
    frame = bytearray(framing.encode(Stats(1, {"rss": 5, "nested": [1.5, {"a": None}]}), b"pcm"))
    frame[position % len(frame)] = value
    try:
        for record, payload in framing.Decoder(FromSpeech).feed(frame):
            assert isinstance(payload, bytes | framing.Slot)
            assert record is not None
    except BadInput:
        pass


def test_a_deeply_nested_header_is_bad_input():
    header = b"\x83\xa4type\xa5Stats\xa5nonce\x01\xa6values\x81\xa1a" + b"\x91" * 200_000 + b"\x01"
    with pytest.raises(BadInput):
        framing.Decoder(FromSpeech).feed(struct.pack("<IIQQ", len(header), 0, 0, 0) + header)


def test_a_header_of_another_direction_is_refused():
    frame = framing.encode(Ready("speech", 0.1, {}))
    with pytest.raises(BadInput, match="not a record"):
        framing.Decoder(ToSpeech).feed(frame)


@pytest.mark.parametrize(
    "lengths", [(framing.MAX_HEADER_BYTES + 1, 0), (4, framing.MAX_PAYLOAD_BYTES + 1), (2**32 - 1, 2**32 - 1)]
)
def test_lengths_above_the_bounds_are_refused_before_anything_is_awaited(lengths):
    decoder = framing.Decoder(ToSpeech)
    with pytest.raises(BadInput, match="at most"):
        decoder.feed(struct.pack("<IIQQ", *lengths, 0, 0))


def test_a_payload_in_a_slot_is_named_and_not_sent():
    in_slot = framing.frame(framing.encode_header(Say(1, "a")), framing.Slot(2**40, 300_000))
    stream = in_slot + framing.encode(Say(2, "b"), b"inline")
    assert framing.Decoder(ToSpeech).feed(stream) == [
        (Say(1, "a"), framing.Slot(2**40, 300_000)),
        (Say(2, "b"), b"inline"),
    ]


def test_the_encoder_keeps_the_bounds_too():
    with pytest.raises(BadInput, match="payload"):
        framing.encode(Ping(1), bytes(framing.MAX_PAYLOAD_BYTES + 1))
    with pytest.raises(BadInput, match="header"):
        framing.encode(Say(1, "a" * (framing.MAX_HEADER_BYTES + 1)))


def test_samples_travel_as_a_buffer_and_a_whole_prompt_survives():
    samples = np.arange(-5, 5, dtype=np.int16)
    [(record, payload)] = framing.Decoder(FromSpeech).feed(
        framing.encode(Sound(3, 22050), memoryview(samples))
    )
    assert record == Sound(3, 22050)
    assert np.array_equal(np.frombuffer(payload, np.int16), samples)

    words = tuple(Part(f"word {i}", special=i % 7 == 0) for i in range(14_000))
    prompt = Prompt("maya", (Block(Tier.INVARIANT, Scope.SHARED, "rules", words),))
    sent = Generate(9, prompt, Sampling(), max_tokens=40)
    assert framing.Decoder(ToLlm).feed(framing.encode(sent)) == [(sent, b"")]


@pytest.mark.parametrize("record", [Say(1, "half a \ud800 character"), Ping(2**64)])
def test_what_msgpack_cannot_hold_is_bad_input_and_not_a_crash(record):
    with pytest.raises(BadInput, match="cannot be written"):
        framing.encode(record)


def test_when_a_frame_was_sent_is_told_where_it_says_so():
    header = framing.encode_header(Say(1, "a"))
    stream = framing.frame(header, b"", 5) + framing.frame(header, b"") + framing.frame(header, b"x", 7)
    told = []
    decoder = framing.Decoder(ToSpeech, told.append)
    messages = decoder.feed(stream[:-1]) + decoder.feed(stream[-1:])
    assert told == [5, 7] and messages == [(Say(1, "a"), b""), (Say(1, "a"), b""), (Say(1, "a"), b"x")]


def test_who_looks_at_what_runs_does_not_end_the_stream():
    """given somebody who keeps the frames of the call stack, as a watchdog or a profiler does"""
    kept = []
    decoder = framing.Decoder(ToSpeech, lambda ns: kept.append(sys._getframe(1)))
    stream = framing.frame(framing.encode_header(Say(1, "a")), b"", 5)
    for _ in range(3):
        assert decoder.feed(stream + stream[:20]) == [(Say(1, "a"), b"")]
        assert decoder.feed(stream[20:]) == [(Say(1, "a"), b"")]
    assert len(kept) == 6
