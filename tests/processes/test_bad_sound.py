"""Given nano and sound that is no good question, when it is asked so, then it ends soon: with an answer that
is bounded, or with one line that says that nothing was understood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.processes.commands import Ended, Place

import sensorium.cli
from sensorium.audio import read_wav, write_wav

QUESTION = Path(sensorium.cli.__file__).parent / "evening" / "01-maya-likes.wav"
RATE_HZ = 16_000
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


def german() -> Samples:
    pytest.importorskip("espeakng_loader", reason="it speaks German")
    from training.espeak import Style, engine

    return engine().speak("guten morgen wie ist das wetter heute in hamburg", Style("de")).samples


NOTHING_TO_HEAR = {
    "white noise": lambda: noise(3.0),
    "music": music,
    "a tenth of a second": lambda: noise(0.1),
    "hardly audible": lambda: 0.001 * read_wav(QUESTION).samples,
}
# What nano's ear makes words of, though they are none of its world.
NOT_ITS_WORLD = {"backwards": lambda: read_wav(QUESTION).samples[::-1].copy(), "German": german}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(Path("nano"), tmp_path_factory.mktemp("home"))


def ask(place: Place, folder: Path, sound: Samples) -> Ended:
    write_wav(folder / "sound.wav", sound.astype(np.float32), RATE_HZ)
    files = ("--wav", str(folder / "sound.wav"), "--out", str(folder / "reply.wav"))
    return place.run("ask", "--persona", "maya", *files, "--json")


@pytest.mark.parametrize("name", NOTHING_TO_HEAR)
def test_what_holds_no_words_is_refused_in_one_line(place: Place, tmp_path: Path, name: str) -> None:
    ended = ask(place, tmp_path, NOTHING_TO_HEAR[name]())
    assert ended.code == 2 and ended.err == "sensorium: no words were understood\n"


def test_a_question_that_was_recorded_too_loud_is_answered(place: Place, tmp_path: Path) -> None:
    ended = ask(place, tmp_path, np.clip(20.0 * read_wav(QUESTION).samples, -1.0, 1.0))
    (turn,) = ended.value["turns"]
    assert (turn["heard"], turn["said"]) == ("maya what do you like", "I like apples.")


@pytest.mark.parametrize("name", NOT_ITS_WORLD)
def test_what_is_not_of_its_world_gets_no_endless_answer(place: Place, tmp_path: Path, name: str) -> None:
    ended = ask(place, tmp_path, NOT_ITS_WORLD[name]())
    if ended.code:
        assert ended.err == "sensorium: no words were understood\n"
        return
    (turn,) = ended.value["turns"]
    assert turn["error"] == "" and turn["processed_tokens"] <= 200
    assert not turn["wav"] or read_wav(turn["wav"], max_seconds=120.0).seconds <= LONGEST_REPLY_S


def test_five_minutes_are_refused_before_they_are_heard(place: Place, tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", noise(300.0), RATE_HZ)
    ended = place.run("ask", "--persona", "maya", "--wav", str(tmp_path / "long.wav"))
    assert ended.code == 2 and "lasts 300 s" in ended.err
