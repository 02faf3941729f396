"""Given clients that nobody here wrote, unmodified, then each has a spoken turn, an interruption and a call.

They are large and live in an environment of their own: `make compat` makes it and sets COMPAT_PYTHON.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.processes.realtime_service import serving, spoken

CLIENTS = Path(__file__).parent / "clients"
WHO_IS_HERE = "Ada Clara Felix Hugo Ines Maya guest and Sam are here."
PYTHON = os.environ.get("COMPAT_PYTHON", "")

pytestmark = pytest.mark.skipif(not PYTHON, reason="run: make compat")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


async def run(client: str, home: Path) -> tuple[dict[str, Any], list[str]]:
    """What the client saw, and what Maya said as the room has it."""
    sounds = [home / "question.pcm", home / "second.pcm"]
    for path, name in zip(sounds, ("01-maya-likes", "07-maya-job"), strict=True):
        path.write_bytes(spoken(name))
    async with serving(home) as (house, url):
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            str(CLIENTS / client),
            url,
            *map(str, sounds),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()[-3_000:]
        said = [entry.text for entry in house.room.history() if entry.kind == "persona"]
    return json.loads(out.decode().splitlines()[-1]), said


@pytest.mark.anyio
@pytest.mark.parametrize("client", ["livekit_client.py", "pipecat_client.py", "agents_client.py"])
async def test_a_spoken_turn_an_interruption_and_a_call(client: str, tmp_path: Path) -> None:
    saw, said = await run(client, tmp_path)

    assert saw["errors"] == []
    assert saw["heard"] == ["maya what do you like", "maya what is your job"]
    assert said[0] == "I like apples." and 0.5 < saw["samples"] / 24_000 < 6
    # The second answer was broken off where the client says that its loudspeaker fell silent.
    assert WHO_IS_HERE not in said
    assert all(WHO_IS_HERE.startswith(text) for text in said if text.startswith("Ada"))
    assert "baker" in json.dumps(saw["said"])
    assert len(saw["called"]) == 1 and saw["called"][0] in ("kitchen", "hall")


@pytest.mark.anyio
async def test_a_spoken_turn_and_an_interruption_of_a_full_duplex_client(tmp_path: Path) -> None:
    saw, said = await run("livekit_live_client.py", tmp_path)

    assert saw["errors"] == []
    asked = "maya what do you like"
    assert saw["heard"] == [asked, asked, "maya what is your job"]
    assert saw["said"][0] == said[0] == "I like apples."
    # It was not spoken to its end the second time, and so the room remembers it.
    assert "I like apples.".startswith(said[1]) and said[1] != "I like apples."
    assert "baker" in said[-1] and "baker" in saw["said"][-1]
