"""One connection's manners: what its messages are, in which order they may come, and how many. Sans I/O.

Time is an argument. Knows nothing of the room; what an accepted record brings about is `seats.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sensorium.errors import BadInput, SensoriumError
from sensorium.front.rates import Rate
from sensorium.wire import page

JOIN_S = 10.0
# Sound fifty times a second, frames thirty, touches sixty, and what a page says beside that.
RECORDS_PER_S = 400.0
BYTES_PER_S = 16_000_000.0
_BURST_S = 2.0

BAD_DATA, REFUSED, TOO_LARGE, GOING_DOWN = 1007, 1008, 1009, 1012


class Accepted(NamedTuple):
    """In order, and to be carried out."""

    record: Any
    payload: bytes


class Refused(NamedTuple):
    """To be told; `close_code` 0: the connection goes on."""

    trouble: page.Trouble
    close_code: int = 0


class Session:
    """`take` for every message that comes."""

    def __init__(self) -> None:
        self._decoder = page.Decoder(page.FromPage)
        self._records = Rate(RECORDS_PER_S, _BURST_S * RECORDS_PER_S)
        self._bytes = Rate(BYTES_PER_S, _BURST_S * BYTES_PER_S)
        self._joined = False
        self._rate_hz = 0

    def take(self, message: bytes, now_s: float) -> Accepted | Refused:
        if not (self._records.takes(1.0, now_s) and self._bytes.takes(len(message), now_s)):
            return fatal("too_many", "this page sends more than any page should", "reload it", REFUSED)
        if len(message) > page.MAX_MESSAGE_BYTES:
            most = f"a message has at most {page.MAX_MESSAGE_BYTES:,} bytes, not {len(message):,}"
            return fatal("too_large", most, "send less at once", TOO_LARGE)
        try:
            record, payload = self._decoder.decode(message)
            return self._in_order(record, payload)
        except page.Unframed as e:
            return fatal(e.code, e.message, "speak the protocol of docs/page-protocol.md", BAD_DATA)
        except BadInput as e:
            return Refused(trouble(e))

    def _in_order(self, record: Any, payload: bytes) -> Accepted | Refused:
        if isinstance(record, page.Join) == self._joined:
            if self._joined:
                raise BadInput("you have joined already")
            return fatal("bad_input", "the first record is Join", "reload the page", REFUSED)
        match record:
            case page.Join(protocol=protocol):
                if protocol != page.PROTOCOL:
                    theirs = f"this page speaks protocol {protocol}, the room speaks {page.PROTOCOL}"
                    return fatal("protocol", theirs, "reload the page", REFUSED)
                self._joined = True
            case page.OpenMicrophone(sample_rate_hz=rate_hz):
                self._rate_hz = rate_hz
            case page.CloseMicrophone():
                self._rate_hz = 0
            case page.Sound():
                if not self._rate_hz:
                    raise BadInput("there is sound, but no microphone", remedy="open it first")
                if len(payload) > 2 * self._rate_hz:
                    raise BadInput("sound comes in pieces of at most one second")
        return Accepted(record, payload)


def trouble(error: SensoriumError, *, is_fatal: bool = False) -> page.Trouble:
    """An error as a page is told of it."""
    return page.Trouble(error.code, " ".join(error.message.split()), error.remedy, is_fatal)


def fatal(code: str, message: str, remedy: str, close_code: int) -> Refused:
    """What ends a connection."""
    return Refused(page.Trouble(code, message, remedy, True), close_code)
