"""Given a request, when its headers are looked at, then only our page and those with the token come in."""

from __future__ import annotations

import pytest

from sensorium.errors import BadInput
from sensorium.front.server.doors import MAX_BODY_BYTES, Door, checked_token, is_loopback

TOKEN = "correct-horse-battery"
HOME = Door("127.0.0.1", 8470, open_paths=frozenset({"/", "/healthz"}))
WIDE = HOME._replace(host="0.0.0.0", token=TOKEN, names=frozenset({"shed", "shed.local"}))


def code(door: Door, method: str, path: str, websocket: bool = False, **headers: str) -> str:
    """Of the refusal, "" for who may come in."""
    packed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    refusal = door.refusal(method, path, packed, websocket=websocket)
    return refusal.code if refusal is not None else ""


@pytest.mark.parametrize("host", ["127.0.0.1:8470", "localhost:8470", "[::1]:8470", "LOCALHOST", "127.0.0.1"])
def test_this_machine_knows_itself(host):
    assert code(HOME, "GET", "/api/room", host=host) == ""
    assert code(HOME, "GET", "/room", True, host=host, origin=f"http://{host}") == ""


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8470",
        "127.0.0.1.evil.example",
        "192.168.1.7:8470",
        "",
        "localhost.evil.example",
        "[",
        "::1",
    ],
)
def test_a_name_that_was_bound_to_us_by_somebody_else_is_refused(host):
    assert code(HOME, "GET", "/", host=host) == "host"
    assert code(HOME, "GET", "/room", True, host=host, origin=f"http://{host}") == "host"


def test_no_host_or_two_are_refused():
    two = [(b"host", b"localhost"), (b"host", b"evil.example")]
    assert code(HOME, "GET", "/") == "host"
    refusal = HOME.refusal("GET", "/", two)
    assert refusal is not None and refusal.code == "host"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:9999", "https://localhost", ""]
)
def test_another_pages_websocket_and_post_are_refused(origin):
    assert code(HOME, "GET", "/room", True, host="localhost:8470", origin=origin) == "origin"
    assert code(HOME, "POST", "/v1/chat/completions", host="localhost:8470", origin=origin) == "origin"


def test_a_program_that_is_no_browser_names_no_origin():
    assert code(HOME, "GET", "/v1/realtime", True, host="localhost:8470") == ""
    assert code(HOME, "POST", "/v1/chat/completions", host="localhost:8470", content_length="12") == ""


@pytest.mark.parametrize("host", ["192.168.1.7:8470", "shed:8470", "shed.local:8470", "[fe80::1]:8470"])
def test_beyond_this_machine_addresses_and_its_names_are_known_but_the_token_counts(host):
    assert code(WIDE, "GET", "/", host=host) == ""
    assert code(WIDE, "GET", "/api/room", host=host) == "token"
    assert code(WIDE, "GET", "/api/room", host=host, authorization=f"Bearer {TOKEN}") == ""
    assert code(WIDE, "GET", "/", host="evil.example:8470") == "host"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"bearer {TOKEN}"},
        {"cookie": f"other=1; sensorium-8470={TOKEN}"},
        {"sec_websocket_protocol": f"realtime, openai-insecure-api-key.{TOKEN}"},
    ],
)
def test_the_token_comes_in_three_ways(headers):
    assert code(WIDE, "GET", "/room", True, host="10.0.0.1:8470", **headers) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer caf\u00e9"},
        {"cookie": f"sensorium-9999={TOKEN}"},
        {"cookie": "sensorium-8470"},
        {"cookie": "\x00=;;;=\x7f"},
    ],
)
def test_anything_else_is_no_token(headers):
    assert code(WIDE, "GET", "/room", True, host="10.0.0.1:8470", **headers) == "token"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"content_length": str(MAX_BODY_BYTES)}, ""),
        ({"content_length": str(MAX_BODY_BYTES + 1)}, "too_large"),
        ({"content_length": "9" * 400}, "too_large"),
        ({"content_length": "-1"}, "length"),
        ({"transfer_encoding": "chunked"}, "length"),
    ],
)
def test_a_body_says_how_long_it_is(headers, expected):
    assert code(HOME, "POST", "/v1/chat/completions", host="localhost", **headers) == expected


def test_other_addresses_need_a_token_that_cannot_be_guessed():
    assert checked_token("127.0.0.1", "") == checked_token("localhost", "") == checked_token("::1", "") == ""
    assert checked_token("0.0.0.0", TOKEN) == TOKEN
    for host, token in (("0.0.0.0", ""), ("192.168.1.7", ""), ("shed", ""), ("127.0.0.1", "short")):
        with pytest.raises(BadInput):
            checked_token(host, token)
    with pytest.raises(BadInput, match="letters"):
        checked_token("127.0.0.1", "sixteen chars; x=")
    assert not is_loopback("127.0.0.1.evil.example")
