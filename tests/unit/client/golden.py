"""Bytes that the room's own encoders write, for the page's tests: MessagePack, and every record both ways."""

from __future__ import annotations

from typing import Any

import msgspec

from sensorium.wire import events, page

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53 - 1,
    -1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**31) - 1, -(2**53) + 1,
    0.5, -1.25, 1e300, "", "a", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "x" * 70_000, "Grüße, 世界 🎈",
    [], [1, [2, [3]]], list(range(15)), list(range(16)), list(range(70_000)),
    {}, {"a": 1}, {f"key {i}": i for i in range(16)}, {"deep": [{"er": None}]},
)  # fmt: skip
PCM = b"\x01\x00\x02\x00"

_MESSAGE = events.Message(12, "persona", "maya", "Maya", "I like apples", 7, 1_763_000_000.25)
_MEMBERS = (events.Member("p1", "Joe"),)
_CARDS = (page.PersonaCard("maya", "Maya", "bakes"),)
_RECIPE = events.RecipeCard("salon", "A person leads the talk", True, False, True)
TO_PAGE = (
    events.Listening("p1", True, 120),
    events.Hearing("p1", "what do you"),
    _MESSAGE,
    events.TurnBegan(7, "maya", "named", "p1"),
    events.Writing(7, "maya", "I like"),
    events.Spoke(7, "I like", 4_800),
    events.Held(7),
    events.Resumed(7),
    events.Cleared(7),
    events.TurnEnded(7, "maya", "interrupted", "I", "", "", 412.5, 1_204, 1_167, 37, 9, {"hop": 0.5}, {}),
    events.Members(_MEMBERS, _MEMBERS),
    events.RecipeChanged(_RECIPE),
    events.Looked("p1", 3),
    events.ToolCalled(3, 7, "maya", "timer", '{"seconds":120}'),
    events.ToolEnded(3, "done", "ok two minutes"),
    events.WorkerDown("speech"),
    events.WorkerUp("speech"),
    page.Welcome(_MEMBERS[0], "s", _MEMBERS[0], _CARDS, _MEMBERS, (_MESSAGE,), True, _RECIPE, 1),
    page.Audio(7, "maya", 16_000, 320),
    page.Stats({"hop": {"p50": 0.5}}, {"vision": {"at": 1}}, {"total": 812.5}, {"p99": 1.5}, 0.95),
    page.Trouble("bad_input", "too long", "shorten it", False),
    page.Pong(12.5),
)
# As the page writes them: all fields, whole numbers where they are whole.
FROM_PAGE: tuple[tuple[page.Record, bytes], ...] = (
    (page.Join("Joe", 1, "s", 12), b""),
    (page.Say("hello", "maya", 3), b""),
    (page.OpenMicrophone(48_000, True), b""),
    (page.Sound(), PCM),
    (page.CloseMicrophone(), b""),
    (page.Frame(3), b"\xff\xd8\xff"),
    (page.CloseCamera(), b""),
    (page.Touches(), b"\x90"),
    (page.Heard(7, 4_800), b""),
    (page.Stop(7), b""),
    (page.Watch(True), b""),
    (page.Ping(12.5), b""),
)


def golden() -> dict[str, Any]:
    """What `all.js` takes; a test here fails when a record was added to the protocol and not to these."""
    return {
        "values": [{"value": value, "hex": msgspec.msgpack.encode(value).hex()} for value in VALUES],
        "to_page": [{"record": msgspec.to_builtins(r), "hex": page.encode(r, PCM).hex()} for r in TO_PAGE],
        "from_page": [
            {"record": msgspec.to_builtins(r), "payload": payload.hex(), "hex": page.encode(r, payload).hex()}
            for r, payload in FROM_PAGE
        ],
    }
