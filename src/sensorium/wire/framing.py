"""How a record and its payload become bytes on a stream, and back. Sans I/O.

One frame: `u32 LE header length, u32 LE payload length, u64 LE slot number, u64 LE nanoseconds when it was
sent, msgpack header, raw payload`. The slot number is 0, or the payload lies in that slot of a shared ring
and not in the frame. Knows nothing of sockets, rings, processes or what a record means.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from sensorium.errors import BadInput
from sensorium.wire.records import Record
from sensorium.wire.ring import Buffer

MAX_HEADER_BYTES = 16 << 20
# A picture's file is the largest.
MAX_PAYLOAD_BYTES = 20 << 20

_PREFIX = struct.Struct("<IIQQ")
_encoder = msgspec.msgpack.Encoder()


class Slot(NamedTuple):
    """Where a payload lies that is not in its frame: a slot of the ring beside this stream."""

    number: int
    num_bytes: int


def encode(record: Record, payload: Buffer = b"") -> bytes:
    """One whole frame with its payload inside, ready to be sent. Raises BadInput, as its parts do."""
    return frame(encode_header(record), payload)


def encode_header(record: Record) -> bytes:
    """Raises BadInput when the record is larger than a frame may carry, or when a text is not Unicode (a lone
    surrogate) or a number has more than 64 bits."""
    try:
        header = _encoder.encode(record)
    except (ValueError, OverflowError) as e:
        raise BadInput(f"a {type(record).__name__} record cannot be written: {e}") from e
    _check_lengths(len(header), 0)
    return header


def frame(header: bytes, payload: Buffer | Slot, sent_ns: int = 0) -> bytes:
    """A frame round an encoded header, sent at `sent_ns` of the monotonic clock, 0: untold. Raises BadInput
    when the payload is larger than a frame may carry."""
    if isinstance(payload, Slot):
        return _PREFIX.pack(len(header), payload.num_bytes, payload.number, sent_ns) + header
    num_payload_bytes = memoryview(payload).nbytes
    _check_lengths(len(header), num_payload_bytes)
    return b"".join((_PREFIX.pack(len(header), num_payload_bytes, 0, sent_ns), header, payload))


class Decoder:
    """Turns chunks of a stream into records; the chunk borders do not matter.

    `record_type` is a union of `wire/records.py`, e.g. `FromSpeech`; nothing else is let through. `on_sent`
    is called with the time of each frame that tells one.
    """

    def __init__(self, record_type: object, on_sent: Callable[[int], object] | None = None) -> None:
        self._on_sent = on_sent
        self._header_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(record_type)
        self._pending = bytearray()
        self._poison: BadInput | None = None

    def feed(self, data: Buffer) -> list[tuple[Record, bytes | Slot]]:
        """Every (record, payload) that is complete now, in order; an incomplete rest waits for more. Whether
        a slot exists and holds so much is for the ring to say.

        Raises BadInput on malformed input, and again on every later call: after an error nobody knows where
        the next frame starts, so the caller closes the stream. Records in front of the damage that came in
        the same chunk are lost with it.
        """
        if self._poison is not None:
            raise self._poison
        self._pending += data
        messages: list[tuple[Record, bytes | Slot]] = []
        start = 0
        try:
            with memoryview(self._pending) as view:
                while True:
                    # Given back at once: whoever looks at what runs may keep the call, and this with it.
                    with view[start:] as rest:
                        found = self._one_frame(rest)
                    if found is None:
                        break
                    num_bytes, record, payload = found
                    messages.append((record, payload))
                    start += num_bytes
        except BadInput as e:
            self._poison = e
            raise
        del self._pending[:start]
        return messages

    @property
    def num_pending_bytes(self) -> int:
        """Bytes of an unfinished frame; above zero at the end of a stream means that it was cut."""
        return len(self._pending)

    def _one_frame(self, view: memoryview) -> tuple[int, Record, bytes | Slot] | None:
        if len(view) < _PREFIX.size:
            return None
        num_header_bytes, num_payload_bytes, slot_number, sent_ns = _PREFIX.unpack_from(view)
        _check_lengths(num_header_bytes, num_payload_bytes)
        payload_at = _PREFIX.size + num_header_bytes
        end = payload_at + (0 if slot_number else num_payload_bytes)
        if len(view) < end:
            return None
        try:
            record = self._header_decoder.decode(view[_PREFIX.size : payload_at])
        except (ValueError, RecursionError) as e:  # msgspec's errors are ValueErrors, as are those of UTF-8
            raise BadInput(f"a frame's header is not a record that is expected here: {e}") from e
        if sent_ns and self._on_sent is not None:
            self._on_sent(sent_ns)
        if slot_number:
            return end, record, Slot(slot_number, num_payload_bytes)
        return end, record, bytes(view[payload_at:end])


def _check_lengths(num_header_bytes: int, num_payload_bytes: int) -> None:
    if num_header_bytes > MAX_HEADER_BYTES:
        raise BadInput(f"a frame's header has {num_header_bytes} bytes; at most {MAX_HEADER_BYTES}")
    if num_payload_bytes > MAX_PAYLOAD_BYTES:
        raise BadInput(f"a frame's payload has {num_payload_bytes} bytes; at most {MAX_PAYLOAD_BYTES}")
