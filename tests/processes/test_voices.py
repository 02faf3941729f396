"""Given a persona with a voice, when it answers, then its adapter acts: in every command and every life."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.processes.commands import Place
from tests.unit.voices.conftest import WARM, ship

from sensorium.bench import random_gguf
from sensorium.config import Config
from sensorium.front.house import House
from sensorium.persona import VoiceRef
from sensorium.store import voices
from sensorium.store.store import Store
from sensorium.voices.library import Library, digest

QUESTION = ("ask", "--persona", "maya", "--text", "what do you like", "--json")


@pytest.fixture(scope="module")
def warm(random_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A voice for the random mind; nano's prompts end with the token that invokes it."""
    path = tmp_path_factory.mktemp("voice") / "warm.gguf"
    random_gguf.write_lora(
        path,
        base=random_bundle / "mind.gguf",
        strength=3.0,
        invoked_by=["<|self|>"],
        metadata=WARM.metadata(),
    )
    return path


def test_a_voice_acts_in_ask_chat_and_demo_and_outlives_its_processes(
    random_bundle: Path, warm: Path, tmp_path: Path
) -> None:
    place = Place(random_bundle, tmp_path / "home")
    plain = Place(random_bundle, tmp_path / "plain").run(*QUESTION).value["turns"][0]
    assert (plain["adapters"], plain["adapted_tokens"]) == ([], 0)

    assert place.run("voice", "add", str(warm)).code == 0
    assert place.run("voice", "assign", "maya", "warm").code == 0
    reference = f"warm@{digest(warm)}"
    first = place.run(*QUESTION).value["turns"][0]
    # From <|self|>, the last token of the prompt, to the token before the last of the reply.
    assert first["adapters"] == [reference] and first["adapted_tokens"] == first["reply_tokens"] > 1
    assert first["said"] != plain["said"]
    assert first["invariant_sha256"] == plain["invariant_sha256"]

    again = place.run(*QUESTION).value["turns"][0]
    assert again["adapters"] == [reference] and again["adapted_tokens"] > 1
    talked = place.run("chat", "--json", stdin="hugo hello\nmaya hello").value["turns"]
    spoken = {turn["persona"]: turn["adapters"] for turn in talked}
    assert spoken["maya"] == [reference] and spoken["hugo"] == []

    out = tmp_path / "out"
    evening = place.run("demo", "--fast", "--json", "--out", str(out)).value["turns"]
    adapted = {turn["persona"]: turn["adapted_tokens"] for turn in evening}
    assert adapted["maya"] > 1 and not any(n for persona, n in adapted.items() if persona != "maya")


def test_a_lost_voice_leaves_its_persona_speaking_and_is_told(
    random_bundle: Path, warm: Path, tmp_path: Path
) -> None:
    place = Place(random_bundle, tmp_path / "home")
    place.run("voice", "add", str(warm))
    place.run("voice", "assign", "maya", "warm")
    shutil.rmtree(tmp_path / "home" / "voices")
    ended = place.run(*QUESTION)
    turn = ended.value["turns"][0]
    assert turn["said"] and turn["adapters"] == []
    assert "Maya speaks without its voice" in ended.err and "sensorium voice import warm.gguf" in ended.err


def given_to_maya(config: Config, file: Path) -> VoiceRef:
    sha256 = digest(file)
    Library(Path(config.home)).put(file, sha256)
    voice = voices.Voice(
        name="warm",
        sha256=sha256,
        num_bytes=file.stat().st_size,
        licence=WARM.licence,
        attribution=WARM.attribution,
        consent=WARM.consent,
        added_at=1.0,
    )
    with Store.open(config.store_path) as store:
        store.submit(voices.add, voice).result()
        store.submit(voices.assign, "maya", voice.ref).result()
    return voice.ref


@pytest.mark.anyio
async def test_a_voice_comes_back_after_kill_9_of_the_model_and_shares_its_prefix(
    config: Config, warm: Path
) -> None:
    voice = given_to_maya(config, warm)
    async with House(config, hears=False, speaks=False) as house:
        await house.warm()
        first = await house.turn_text("maya hello")
        await house.settled()
        os.kill(house.pids()["llm"], signal.SIGKILL)
        second = await house.turn_text("maya are you there")
        await house.settled()
        third = await house.turn_text("maya and now")
        other = await house.turn_text("hugo and you")
        llm = (await house.stats())["workers"]["llm"]

    assert first.error == third.error == ""
    assert first.adapters == third.adapters == [str(voice)]
    assert first.adapted_tokens > 1 and third.adapted_tokens > 1
    assert second.error_code in ("", "worker_died")  # it may have been asked before the death was noticed
    assert other.adapters == [] and other.adapted_tokens == 0
    assert llm["adapters"] == {str(voice): "resident"} and llm["parked"]["shared"] == 1
    assert third.cached_tokens > 0 and third.processed_tokens <= 200


def test_a_voice_that_comes_with_the_bundle_acts_in_a_new_home_until_it_is_taken_away(
    random_bundle: Path, warm: Path, tmp_path: Path
) -> None:
    bundle = shutil.copytree(random_bundle, tmp_path / "shipping")
    place = Place(ship(bundle, maya=warm), tmp_path / "home")
    first = place.run(*QUESTION)
    turn = first.value["turns"][0]
    assert turn["adapters"] == [f"maya@{digest(warm)}"] and turn["adapted_tokens"] > 1
    assert "without its voice" not in first.err

    # Another version of the bundle, with another file for the same voice.
    newer = tmp_path / "newer.gguf"
    random_gguf.write_lora(
        newer,
        base=bundle / "mind.gguf",
        seed=2,
        invoked_by=["<|self|>"],
        metadata=WARM.metadata(),
    )
    ship(bundle, maya=newer)
    assert place.run(*QUESTION).value["turns"][0]["adapters"] == [f"maya@{digest(newer)}"]
    (bundle / "voices" / "maya.gguf").write_bytes(warm.read_bytes())
    altered = place.run(*QUESTION)
    turn = altered.value["turns"][0]
    assert turn["said"] and turn["adapters"] == []
    assert "Maya speaks without its voice" in altered.err and "install the bundle again" in altered.err

    ship(bundle, maya=newer)
    place.run("voice", "assign", "maya", "--none")
    assert place.run(*QUESTION).value["turns"][0]["adapters"] == []
