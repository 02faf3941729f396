"""Given a house of one's own, when the demo furnishes another, then its personas sound as they do at home."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.cli import demo
from sensorium.config import Config
from sensorium.persona import Persona, VoiceRef
from sensorium.store import personas, voices
from sensorium.store.store import Store

WARM = VoiceRef("warm", "ab" * 32)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "own"))
    return Config.load()


def furnished(tmp_path: Path) -> dict[str, VoiceRef | None]:
    (tmp_path / "demo").mkdir()
    config = Config(home=str(tmp_path / "demo"))
    demo._furnish(config, 6)
    with Store.open(config.store_path) as store:
        return {p.id: p.voice_ref for p in store.read(personas.all_of).result()}


def test_without_a_house_they_have_the_voices_of_the_bundle(own: Config, tmp_path: Path) -> None:
    found = furnished(tmp_path)
    assert len(found) == 14 and all(voice == VoiceRef(name) for name, voice in found.items())
    assert not own.store_path.exists() and not (tmp_path / "demo" / "voices").is_symlink()


def test_what_was_given_and_what_was_taken_away_at_home_holds_here(own: Config, tmp_path: Path) -> None:
    with Store.open(own.store_path) as store:
        store.submit(voices.assign, "maya", None).result()
        store.submit(voices.assign, "hugo", WARM).result()
        store.submit(personas.add, Persona(id="zoe", name="Zoe", voice_adapter_id=str(WARM))).result()
    found = furnished(tmp_path)
    assert (found["maya"], found["hugo"], found["nora"]) == (None, WARM, VoiceRef("nora"))
    assert "zoe" not in found
    assert (tmp_path / "demo" / "voices").readlink() == tmp_path / "own" / "voices"
