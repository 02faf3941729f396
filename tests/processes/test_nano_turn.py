"""Given nano as it ships, when it is asked by text, aloud and about a picture, then it answers by itself.

No bridge hears or speaks: the other tests of commands have a random mind and show that things arrive; here it
counts what is said.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from tests.processes.commands import Place

import sensorium.cli
from sensorium.audio import read_wav
from sensorium.bundles.catalogue import find
from sensorium.store.seed import shipped_personas

NO_BRIDGE = {"stt": 0, "tts": 0}
MAYA = next(persona for persona in shipped_personas() if persona.id == "maya")
EVENING = Path(sensorium.cli.__file__).parent / "evening"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(Path(find("nano").folder), tmp_path_factory.mktemp("home"))


def test_a_spoken_question_is_answered_aloud_in_the_personas_own_voice(place: Place) -> None:
    out = place.home / "maya.wav"
    ask = ("ask", "--persona", "maya", "--json")
    aloud = place.run(*ask, "--wav", str(EVENING / "01-maya-likes.wav"), "--out", str(out)).value["turns"][0]
    typed = place.run(*ask, "--text", aloud["heard"], "--out", str(place.home / "typed.wav")).value["turns"][
        0
    ]
    # then by voice and by text the answer is the same
    assert MAYA.facts["likes"] in aloud["said"] and aloud["said"] == typed["said"] and aloud["error"] == ""
    for turn in (aloud, typed):
        assert turn["bridge_calls"] == NO_BRIDGE and turn["processed_tokens"] <= 200
        assert 0.5 < read_wav(turn["wav"]).seconds < 6.0
    shown = place.run("voice", "list", "--json").value
    assert any("maya" in voice["personas"] for voice in shown["voices"])


def test_with_bridge_the_same_question_goes_through_text_and_espeak(place: Place) -> None:
    pytest.importorskip("espeakng_loader", reason="it speaks")
    pytest.importorskip("pocketsphinx", reason="it hears")
    wav = str(EVENING / "01-maya-likes.wav")
    turn = place.run("ask", "--persona", "maya", "--bridge", "--json", "--wav", wav).value["turns"][0]
    assert turn["bridge_calls"]["stt"] == 1 and turn["bridge_calls"]["tts"] >= 1


def test_what_is_seen_is_said(place: Place, tmp_path: Path) -> None:
    """given a red circle on the left and a blue square on the right"""
    picture = np.full((192, 192, 3), 235, np.uint8)
    y, x = np.mgrid[:192, :192]
    picture[(x - 50) ** 2 + (y - 96) ** 2 < 30**2] = (215, 30, 35)
    picture[(abs(x - 142) < 28) & (abs(y - 96) < 28)] = (35, 60, 210)
    path = tmp_path / "picture.jpg"
    path.write_bytes(simplejpeg.encode_jpeg(picture, quality=92))
    # when
    ask = ("ask", "--persona", "maya", "--image", str(path), "--json", "--text")
    turn = place.run(*ask, "what do you see").value["turns"][0]
    # then
    assert turn["bridge_calls"] == NO_BRIDGE and turn["error"] == ""
    assert {"red", "circle", "blue", "square"} <= set(turn["said"].lower().replace(".", "").split())
