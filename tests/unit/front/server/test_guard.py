"""Given a door, when an address asks too often or guesses, then it is told to wait, and nobody else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensorium.clock import ManualClock
from sensorium.front.server.doors import Door
from sensorium.front.server.guard import Guard
from sensorium.front.server.limits import (
    MAX_ADDRESSES,
    REQUEST_BURST,
    REQUESTS_PER_S,
    WRONG_TOKEN_BURST,
    WRONG_TOKENS_PER_S,
    Limits,
)
from sensorium.metrics import Counters

pytestmark = pytest.mark.anyio
TOKEN = "0123456789abcdef-token"


class Asked:
    """A guarded application that answers 200."""

    def __init__(self, token: str = "") -> None:
        self.clock, self.counters = ManualClock(), Counters()
        door = Door("0.0.0.0", 8470, token, open_paths=frozenset({"/"}))
        self._guard = Guard(self._answer, door, "/room", self.clock, self.counters)

    async def __call__(
        self, path: str = "/api/room", token: str = "", address: str = "10.0.0.7", kind: str = "http"
    ) -> tuple[int, dict[str, str]]:
        """Status and headers; of a WebSocket that was taken to be closed at once, its code."""
        headers = [(b"host", b"10.0.0.1:8470")]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("nothing is read")

        scope = {
            "type": kind, "method": "GET", "path": path, "headers": headers, "client": (address, 5),
            "subprotocols": [],
        }  # fmt: skip
        await self._guard(scope, receive, send)
        if sent[-1]["type"] == "websocket.close":
            return sent[-1]["code"], {"reason": sent[-1]["reason"]}
        start = next(message for message in sent if message["type"].endswith("start"))
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        if sent[-1].get("body"):
            told["body"] = json.loads(sent[-1]["body"])["error"]["message"]
        return start["status"], told

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def test_who_asks_too_often_is_told_when_to_ask_again() -> None:
    asked = Asked()

    came = [(await asked())[0] for _ in range(round(REQUEST_BURST))]
    status, told = await asked()

    assert set(came) == {200} and status == 429
    assert told["retry-after"] == "1" and "wait 1 s" in told["body"]
    assert asked.counters.get("requests_limited_total") == 1
    # and nobody else is slowed down, nor they for long
    assert (await asked(address="10.0.0.8"))[0] == 200
    asked.clock.advance(1.0)
    came = [(await asked())[0] for _ in range(round(REQUESTS_PER_S) + 1)]
    assert set(came[:-1]) == {200} and came[-1] == 429


async def test_who_guesses_is_slowed_down_before_the_guess_is_looked_at() -> None:
    asked = Asked(TOKEN)
    for i in range(round(WRONG_TOKEN_BURST)):
        assert (await asked(token=f"wrong-{i}"))[0] == 401

    # when the next one would be right
    status, told = await asked(token=TOKEN)

    assert status == 429 and told["retry-after"] == str(round(1 / WRONG_TOKENS_PER_S))
    assert (await asked(token=TOKEN, address="10.0.0.8"))[0] == 200
    # and files that need no token are given as ever
    assert (await asked("/"))[0] == 200
    asked.clock.advance(1 / WRONG_TOKENS_PER_S)
    assert (await asked(token="wrong"))[0] == 401
    assert (await asked(token=TOKEN))[0] == 429
    asked.clock.advance(1 / WRONG_TOKENS_PER_S)
    assert (await asked(token=TOKEN))[0] == 200


async def test_who_has_no_token_or_the_right_one_guesses_nothing() -> None:
    asked = Asked(TOKEN)
    for _ in range(2 * round(WRONG_TOKEN_BURST)):
        assert (await asked())[0] == 401
        assert (await asked(token=TOKEN))[0] == 200


async def test_a_websocket_is_a_request_and_a_page_can_read_why() -> None:
    asked = Asked(TOKEN)
    for _ in range(round(WRONG_TOKEN_BURST)):
        code, told = await asked("/room", token="wrong", kind="websocket")
        assert code == 1008 and "link" in told["reason"]

    code, told = await asked("/room", token="wrong", kind="websocket")
    status, _ = await asked("/v1/realtime", token="wrong", kind="websocket")

    assert code == 1008 and "wait 5 s" in told["reason"]
    assert status == 429


def test_addresses_are_forgotten_the_oldest_first() -> None:
    limits = Limits()
    for _ in range(round(REQUEST_BURST)):
        assert limits.request("first", 0.0) == 0
    assert limits.request("first", 0.0) == 1

    for i in range(MAX_ADDRESSES):
        limits.request(str(i), 0.0)

    assert limits.request("first", 0.0) == 0
