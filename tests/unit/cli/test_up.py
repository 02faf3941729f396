"""Given a configuration and flags, when the room is to be opened, then the flags win and nobody walks in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sensorium.cli.up import _settled, _until_over
from sensorium.config import Config
from sensorium.errors import BadInput, WorkerFailed

TOKEN = "0123456789abcdef"


def _configured(folder: Path, text: str) -> Config:
    (folder / "config.toml").write_text(text)
    return Config.load(folder, {})


def test_flags_win_over_the_configuration(tmp_path: Path) -> None:
    config = _configured(tmp_path, f'host = "0.0.0.0"\nport = 9000\ntoken = "{TOKEN}"\nroom = "den"')

    assert _settled(config, host=None, port=None, token="", room="") == config
    flagged = _settled(config, host="127.0.0.1", port=0, token="another-token-of-mine", room="attic")
    assert (flagged.host, flagged.port, flagged.token) == ("127.0.0.1", 0, "another-token-of-mine")
    assert flagged.room == "attic"


def test_without_either_the_room_is_this_machines(tmp_path: Path) -> None:
    config = _settled(_configured(tmp_path, ""), host=None, port=None, token="")
    assert (config.host, config.port, config.token) == ("127.0.0.1", 8470, "")


@pytest.mark.parametrize(
    ("text", "flags", "named"),
    [
        ('host = "0.0.0.0"', {}, "others can reach 0.0.0.0"),
        ('host = "0.0.0.0"\ntoken = "short"', {}, "16"),
        (f'token = "{TOKEN}"', {"token": "short"}, "16"),
        ("", {"host": "192.168.1.2"}, "others can reach"),
        ("", {"port": 70_000}, "65535"),
    ],
)
def test_beyond_this_machine_a_token_is_needed_wherever_it_stands(
    tmp_path: Path, text: str, flags: dict[str, str | int], named: str
) -> None:
    with pytest.raises(BadInput, match=named):
        _settled(_configured(tmp_path, text), **flags)


def test_a_configured_token_opens_a_flagged_address(tmp_path: Path) -> None:
    assert _settled(_configured(tmp_path, f'token = "{TOKEN}"'), host="0.0.0.0").token == TOKEN


async def _at_once(result: object) -> object:
    return result


@pytest.mark.anyio
async def test_a_server_that_ends_by_itself_is_a_failure_and_a_stop_is_none() -> None:
    serving = asyncio.create_task(_at_once(None))
    with pytest.raises(WorkerFailed, match="by itself"):
        await _until_over(asyncio.Event().wait(), serving)  # type: ignore[arg-type]

    serving = asyncio.create_task(asyncio.Event().wait())
    try:
        await _until_over(_at_once(True), serving)  # type: ignore[arg-type]
    finally:
        serving.cancel()
