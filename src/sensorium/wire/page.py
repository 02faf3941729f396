"""What a person's page and the room say to one another, and how it becomes one WebSocket message. Sans I/O.

A message: `u32 LE header length, msgpack header, raw payload`. Everything that happens in the room
(`events.py`) goes to the page under its own name. Knows nothing of sockets or of what a record means.
"""

from __future__ import annotations

import struct
from typing import Annotated, Any

import msgspec

from sensorium.errors import BadInput
from sensorium.history import MAX_ENTRY_CHARS
from sensorium.wire.events import AnyEvent, Event, Member, Message, RecipeCard

PROTOCOL = 1
SUBPROTOCOL = "sensorium.1"
# Of what a page sends: the text of a `Say` is the longest.
MAX_HEADER_BYTES = 1 << 16
MAX_FRAME_BYTES = 4_000_000
MAX_TOUCHES_BYTES = 1 << 16
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 96_000
MAX_SOUND_BYTES = 2 * MAX_RATE_HZ
MAX_MESSAGE_BYTES = 4 + MAX_HEADER_BYTES + MAX_FRAME_BYTES
MAX_HISTORY = 200
# The largest whole number that a page can count to.
_MAX_NUMBER = 2**53 - 1

_Name = Annotated[str, msgspec.Meta(max_length=80)]
_Id = Annotated[str, msgspec.Meta(max_length=64)]
_Text = Annotated[str, msgspec.Meta(max_length=MAX_ENTRY_CHARS)]
_Rate = Annotated[int, msgspec.Meta(ge=MIN_RATE_HZ, le=MAX_RATE_HZ)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=_MAX_NUMBER)]

_PREFIX = struct.Struct("<I")
_encoder = msgspec.msgpack.Encoder()


class Record(msgspec.Struct, frozen=True, tag=True):
    """Base only in the sense of msgspec's tagged unions."""


# -- page -> room ----------------------------------------------------------------------------------------


class Join(Record, frozen=True):
    """The first record. `session`: of an earlier connection, or ""; `last_entry_id`: what the page has."""

    name: _Name
    protocol: int
    session: _Id = ""
    last_entry_id: _Number = 0


class Say(Record, frozen=True):
    """A message in words. `to`: the persona that must answer, or "". `number` only grows within a
    session: what a page sends again because its connection was lost is said once. 0: it has none."""

    text: _Text
    to: _Id = ""
    number: _Number = 0


class OpenMicrophone(Record, frozen=True):
    """`Sound` follows. `push_to_talk`: all of it until `CloseMicrophone` is one message."""

    sample_rate_hz: _Rate
    push_to_talk: bool = False


class Sound(Record, frozen=True):
    """Payload: mono s16le PCM, at most one second."""


class CloseMicrophone(Record, frozen=True):
    """What was said until now is still answered."""


class Frame(Record, frozen=True):
    """Payload: one JPEG of the page's camera or screen."""

    number: _Number


class CloseCamera(Record, frozen=True):
    """No more frames will come."""


class Touches(Record, frozen=True):
    """Payload: what was done with pointer, keys and page, as `dialogue.touch.read` takes it."""


class Heard(Record, frozen=True):
    """So many samples of the turn have really been played here until now."""

    turn_id: _Number
    samples: _Number


class Stop(Record, frozen=True):
    """A person wants this reply to end."""

    turn_id: _Number


class Watch(Record, frozen=True):
    """`Stats` once a second from now on, or no more."""

    on: bool


class Ping(Record, frozen=True):
    at_ms: float


# -- room -> page ----------------------------------------------------------------------------------------


class PersonaCard(msgspec.Struct, frozen=True):
    """A persona as the page introduces it."""

    id: str
    name: str
    description: str


class Welcome(Record, frozen=True):
    """The answer to `Join`. `history`: what came after `last_entry_id`, oldest first, at most 200."""

    you: Member
    session: str
    room: Member
    personas: tuple[PersonaCard, ...]
    people: tuple[Member, ...]
    history: tuple[Message, ...]
    camera: bool
    recipe: RecipeCard
    protocol: int


class Audio(Record, frozen=True):
    """Payload: mono s16le PCM, the samples of the turn from number `first_sample` on."""

    turn_id: int
    persona_id: str
    sample_rate_hz: int
    first_sample: int


class Stats(Record, frozen=True):
    """Stages against their budgets in ms, ladders, memory, lateness of the loop; `hit_rate` 0 to 1."""

    stages: dict[str, dict[str, float]]
    ladders: dict[str, Any]
    rss_mb: dict[str, float]
    loop_lag_ms: dict[str, float]
    hit_rate: float


class Trouble(Record, frozen=True):
    """What was asked for was refused or failed. `fatal`: the connection ends."""

    code: str
    message: str
    remedy: str
    fatal: bool


class Pong(Record, frozen=True):
    at_ms: float


FromPage = (
    Join | Say | OpenMicrophone | Sound | CloseMicrophone | Frame | CloseCamera | Touches | Heard | Stop
    | Watch | Ping
)  # fmt: skip
ToPage = AnyEvent | Welcome | Audio | Stats | Trouble | Pong

# Of the records that have one; all others have none.
MAX_PAYLOAD_BYTES: dict[type[Record], int] = {
    Sound: MAX_SOUND_BYTES,
    Frame: MAX_FRAME_BYTES,
    Touches: MAX_TOUCHES_BYTES,
}


def encode(record: Record | Event, payload: bytes = b"") -> bytes:
    """One message."""
    header = _encoder.encode(record)
    return b"".join((_PREFIX.pack(len(header)), header, payload))


class Decoder:
    """Of one side: `FromPage` at the room's end, `ToPage` at the page's."""

    def __init__(self, record_type: object) -> None:
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(record_type)
        self._from_page = record_type is FromPage

    def decode(self, message: bytes) -> tuple[Any, bytes]:
        """The record and its payload. Raises `Unframed` when the message cannot be taken apart, else BadInput
        in one line for a record or payload that is not what it should be."""
        if len(message) < _PREFIX.size:
            raise Unframed(f"a message has at least {_PREFIX.size} bytes, not {len(message)}")
        (num_header_bytes,) = _PREFIX.unpack_from(message)
        payload_at = _PREFIX.size + num_header_bytes
        if payload_at > len(message):
            raise Unframed(f"a message of {len(message)} bytes cannot have a header of {num_header_bytes}")
        if self._from_page and num_header_bytes > MAX_HEADER_BYTES:
            raise Unframed(f"a header has at most {MAX_HEADER_BYTES:,} bytes, not {num_header_bytes:,}")
        try:
            record = self._decoder.decode(memoryview(message)[_PREFIX.size : payload_at])
        except (ValueError, RecursionError) as e:  # msgspec's errors are ValueErrors, as are those of UTF-8
            raise BadInput(f"this is no record that is expected here: {' '.join(str(e).split())}") from e
        payload = message[payload_at:]
        if self._from_page:
            _check_payload(record, len(payload))
        return record, payload


class Unframed(BadInput):
    """Whoever sends this speaks another protocol."""


def _check_payload(record: Record, num_bytes: int) -> None:
    name, most = type(record).__name__, MAX_PAYLOAD_BYTES.get(type(record), 0)
    if num_bytes > most:
        what = f"at most {most:,} bytes" if most else "none"
        raise BadInput(f"the payload of {name} is {what}, not {num_bytes:,} bytes")
    if isinstance(record, Sound) and num_bytes % 2:
        raise BadInput(f"sound is whole samples of two bytes, not {num_bytes:,} bytes")
