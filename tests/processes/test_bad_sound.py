"""Given nano and sound that is no question in its world, when it is asked so, then it ends soon: with an
answer that is bounded, or with one line that says that nothing was understood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.processes.commands import Place

import sensorium.cli
from sensorium.audio import read_wav, write_wav

QUESTION = Path(sensorium.cli.__file__).parent / "evening" / "01-maya-likes.wav"
RATE_HZ = 16_000
# A reply has at most 40 tokens, and each is allowed a quarter of a second of sound.
LONGEST_REPLY_S = 20.0

Samples = NDArray[np.float32]


def noise(seconds: float) -> Samples:
    return (0.2 * np.random.default_rng(3).standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def music() -> Samples:
    """Five seconds of chords with overtones, two a second."""
    time = np.arange(RATE_HZ // 2) / RATE_HZ
    chords = ((220, 277, 330), (196, 247, 294), (262, 330, 392), (175, 220, 262))
    bars = [
        sum(np.sin(2 * np.pi * hz * k * time) / k for hz in chord for k in (1, 2, 3)) * np.exp(-2 * time)
        for chord in chords
    ]
    return (0.15 * np.tile(np.concatenate(bars), 3)[: 5 * RATE_HZ]).astype(np.float32)


def other_language() -> Samples:
    pytest.importorskip("espeakng_loader", reason="it speaks German")
    from training.espeak import Style, engine

    return engine().speak("guten morgen wie ist das wetter heute in hamburg", Style("de")).samples


SOUNDS = {
    "white noise": lambda: noise(3.0),
    "music": music,
    "a tenth of a second": lambda: noise(0.1),
    "clipped": lambda: np.clip(20.0 * read_wav(QUESTION).samples, -1.0, 1.0),
    "hardly audible": lambda: 0.001 * read_wav(QUESTION).samples,
    "backwards": lambda: read_wav(QUESTION).samples[::-1].copy(),
    "another language": other_language,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(Path("nano"), tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize("name", SOUNDS)
def test_it_ends_soon_and_says_so(place: Place, tmp_path: Path, name: str) -> None:
    path, reply = tmp_path / "sound.wav", tmp_path / "reply.wav"
    write_wav(path, SOUNDS[name]().astype(np.float32), RATE_HZ)
    ended = place.run("ask", "--persona", "maya", "--wav", str(path), "--out", str(reply), "--json")
    if ended.code:
        assert ended.code == 2 and ended.err.count("\n") == 1
        assert "no words were understood" in ended.err
        return
    (turn,) = ended.value["turns"]
    assert turn["error"] == "" and turn["processed_tokens"] <= 200
    assert not turn["wav"] or read_wav(turn["wav"], max_seconds=120.0).seconds <= LONGEST_REPLY_S


def test_five_minutes_are_refused_before_they_are_heard(place: Place, tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", noise(300.0), RATE_HZ)
    ended = place.run("ask", "--persona", "maya", "--wav", str(tmp_path / "long.wav"))
    assert ended.code == 2 and "lasts 300 s" in ended.err
