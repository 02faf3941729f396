"""Given nano's eye before a random-weight mind, when a picture is shown, then its rows are read in the turn.

What is answered means nothing here; that everything arrives does.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import simplejpeg
from tests.processes.commands import Place
from tests.processes.conftest import until

import sensorium.cli
from sensorium.bench import random_gguf
from sensorium.bundles.catalogue import find
from sensorium.config import Config
from sensorium.dialogue.touch import Touched
from sensorium.errors import BadInput
from sensorium.front.house import House
from sensorium.store import turns
from sensorium.vision.encoder import Eye

pytestmark = pytest.mark.anyio

GOLDEN = np.load(Path(__file__).parents[1] / "unit" / "vision" / "eye_golden.npz")["pictures"]
PICTURES = [simplejpeg.encode_jpeg(picture, quality=95) for picture in GOLDEN[:2]]
QUESTION = Path(sensorium.cli.__file__).parent / "evening" / "01-maya-likes.wav"
WIDTH = 64


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like nano, with its eye, a projection of random numbers and a random mind; it hears by bridge."""
    folder = random_gguf.write_bundle(tmp_path_factory.mktemp("bundle") / "seeing", width=WIDTH)
    shutil.copy(find("nano").file("eye"), folder / "eye.onnx")
    weight = np.random.default_rng(4).normal(0, 0.1, (WIDTH, 128)).astype(np.float16)
    np.savez(folder / "senses.npz", eye_weight=weight, eye_bias=np.zeros(WIDTH, np.float16))
    toml = re.sub(r"^(audio_in|audio_out) = .*$", r"\1 = false", _toml(folder), flags=re.MULTILINE)
    toml = re.sub(r"^image_in = .*$", "image_in = true", toml, flags=re.MULTILINE)
    if "[files.senses]" not in toml:
        toml += '\n[files.senses]\npath = "senses.npz"\n'
    (folder / "bundle.toml").write_text(toml, encoding="utf-8")
    return folder


@pytest.fixture
def seeing(bundle: Path, tmp_path: Path) -> Config:
    return Config(bundle=str(bundle), home=str(tmp_path / "home"), llm_threads=1, kv_cells=4096)


def _toml(folder: Path) -> str:
    return (folder / "bundle.toml").read_text(encoding="utf-8")


def rows_of(config: Config, picture: bytes) -> int:
    """One for the picture and one for each thing that the eye finds there."""
    return 1 + len(Eye.load(find(config.bundle).file("eye")).look(simplejpeg.decode_jpeg(picture)).things)


async def test_a_picture_is_read_by_everybody_and_costs_its_rows(seeing: Config) -> None:
    async with House(seeing, hears=False, speaks=False, sees=True) as house:
        await house.warm()
        before = await house.turn_text("what is there", to="maya")
        await house.settled()
        sight = await house.look(PICTURES[0])
        reports = [await house.turn_text("what is there", to=name) for name in ("maya", "hugo")]
        await house.settled()
        values = (await house.stats())["workers"]["vision"]
        pids = house.pids()

    assert sight.rows.num == rows_of(seeing, PICTURES[0]) > 1
    for report in reports:
        assert report.error == "" and report.processed_tokens <= 200
        assert report.prompt_tokens == report.cached_tokens + report.processed_tokens
    # frame and rows of the picture stand in the volatile tier, so they are processed in every turn
    assert reports[0].processed_tokens >= before.processed_tokens + sight.rows.num
    assert values["counters"] == {"looks_total": 1} and values["model_ms"]["count"] == 1
    assert "vision" in pids


async def test_no_picture_no_eye(seeing: Config) -> None:
    async with House(seeing, hears=False, speaks=False) as house:
        assert set(house.pids()) == {"llm"}
        with pytest.raises(BadInput, match="without eyes"):
            await house.look(PICTURES[0])


async def test_kill_9_of_the_eye_leaves_what_was_in_view(seeing: Config) -> None:
    async with House(seeing, hears=False, speaks=False, sees=True) as house:
        await house.look(PICTURES[0])
        pid = house.pids()["vision"]
        os.kill(pid, signal.SIGKILL)
        report = await house.turn_text("what is there", to="maya")
        await until(lambda: house.pids().get("vision", pid) != pid)
        sight = await house.look(PICTURES[1])

    assert report.error == ""
    assert sight.rows.num == rows_of(seeing, PICTURES[1]) and sight.stages


async def test_a_camera_is_seen_and_what_shows_nothing_new_is_not_looked_at(seeing: Config) -> None:
    """given frames of two scenes with another quality in between, when asked, then the last scene is read"""

    async def frames() -> AsyncIterator[bytes]:
        for quality in (95, 80, 60):
            for picture in GOLDEN[:2] if quality == 95 else GOLDEN[1:2]:
                yield simplejpeg.encode_jpeg(picture, quality=quality)
                counted = house.counters.get("frames_total")
                await until(lambda counted=counted: answered(house) == counted)
        yield b"\xff\xd8\xff damaged"

    def answered(house: House) -> int:
        gated = house.counters.get("skipped_frames_total", why="gate")
        return gated + sum(stage.name == "vision.frame" for stage in house.trace.stages())

    async with House(seeing, hears=False, speaks=False, sees=True) as house:
        await house.watch(frames())
        house.touch(msgspec.msgpack.encode([Touched("press", "maya"), Touched("release", "maya")]))
        report = await house.turn_text("what is there", to="maya")
        values = (await house.stats())["workers"]["vision"]
        stages = {stage.name for stage in house.trace.stages(0)}
        pictures = house.room.pictures
        (kept,) = house.store.read(turns.last, "maya", 1).result()

    assert any("touches you" in part.text for block in kept.prompt.blocks for part in block.parts)
    assert report.error == ""
    assert [sight.rows.num for sight in pictures] == [rows_of(seeing, PICTURES[1])]
    assert values["counters"]["looks_total"] == 2 and values["counters"]["unchanged_total"] == 2
    assert house.counters.get("skipped_frames_total", why="bad") == 1
    assert {"vision.gate", "vision.decode", "vision.model", "vision.frame", "touch"} <= stages


def test_ask_about_a_picture_by_text_and_by_voice(bundle: Path, tmp_path: Path) -> None:
    place, picture = Place(bundle, tmp_path / "home"), tmp_path / "picture.jpg"
    picture.write_bytes(PICTURES[0])
    ask = ("ask", "--persona", "maya", "--image", str(picture), "--json")
    typed = place.run(*ask, "--text", "what do you see").value
    aloud = place.run(*ask, "--wav", str(QUESTION)).value
    for value in (typed, aloud):
        assert value["turns"][0]["error"] == ""
        assert value["picture"]["rows"] == 1 + len(value["picture"]["things"]) > 1
        assert set(value["picture"]["stages_ms"]) == {"vision.gate", "vision.decode", "vision.model"}
        assert value["rss_mb"] > 0
    assert typed["turns"][0]["bridge_calls"] == {"stt": 0, "tts": 0}


def test_a_text_named_jpg_ends_the_command_in_one_line(bundle: Path, tmp_path: Path) -> None:
    place, picture = Place(bundle, tmp_path / "home"), tmp_path / "picture.jpg"
    picture.write_text("these are words")
    ended = place.run("ask", "--persona", "maya", "--text", "what do you see", "--image", str(picture))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1 and "neither a JPEG nor a PNG picture" in ended.err
