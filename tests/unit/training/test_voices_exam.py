"""How voices are measured and drawn: on espeak-ng, whose truth is known, and on a mind that babbles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyspng
import pytest

torch = pytest.importorskip("torch", reason="the tiny mind is made with torch")
pytest.importorskip("espeakng_loader", reason="it speaks the targets")

from tests.unit.tuning.babbler import write_babbler  # noqa: E402
from training import spectrogram  # noqa: E402
from training.espeak import Style, engine  # noqa: E402
from training.mind import answer, speech_exam, vocabulary, voice_exam, voice_swap  # noqa: E402
from training.timbre import Centroids, Timbre, distance, timbre  # noqa: E402

from sensorium.bench import random_gguf  # noqa: E402
from sensorium.errors import BadInput  # noqa: E402
from sensorium.tuning import voice_file  # noqa: E402
from sensorium.tuning.decoder import load, new_lora  # noqa: E402
from sensorium.voices.card import Card  # noqa: E402

TEXTS = ("i like green tea .", "the dog is in the garden .", "what do you like .", "my name is maya .")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def mind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mind") / "mind.gguf"
    write_babbler(path)
    return path


@pytest.fixture(scope="module")
def voices(mind: Path) -> dict[str, Path]:
    """Two that differ, and lie as training/voices.py leaves them."""
    for number, name in enumerate(("maya", "ada")):
        folder = mind.parent / name
        folder.mkdir()
        random_gguf.write_lora(
            folder / f"{name}.gguf", base=mind, strength=3.0 + number, invoked_by=["<|speak|>"]
        )
    return voice_exam.find_voices(mind.parent)


def spoken(style: Style, texts: Sequence[str] = TEXTS) -> list[np.ndarray]:
    return [engine().speak(text, style).samples for text in texts]


def test_the_timbre_of_two_voices_is_what_the_study_measured() -> None:
    # NANO.md section 6: 102.3 Hz, 211.0 Hz, and 0.61 nat between them
    base, bright = (timbre(spoken(Style(voice))) for voice in ("en-us", "en-us+f3"))
    assert base.f0_hz == pytest.approx(102.3, rel=0.03)
    assert bright.f0_hz == pytest.approx(211.0, rel=0.03)
    assert distance(base, bright) == pytest.approx(0.61, abs=0.06)


def test_how_loud_somebody_is_does_not_count_and_silence_has_no_timbre() -> None:
    sounds = spoken(Style())
    loud, soft = timbre(sounds), timbre([sound * np.float32(0.5) for sound in sounds])
    assert soft.f0_hz == pytest.approx(loud.f0_hz, rel=0.01) and distance(loud, soft) < 0.05
    silent = timbre([np.zeros(16_000, np.float32), np.zeros(3, np.float32)])
    assert silent.f0_hz == 0.0 and not silent.envelope.any()


def test_voices_are_told_apart_and_silence_is_nobody() -> None:
    styles = {"low": Style("en-us+m4", pitch=5), "base": Style(), "high": Style("en-us+f3")}
    # espeak-ng never says the same twice: a voice known by two sentences was taken for another.
    known_by = [" ".join(words) for words in speech_exam.sentences(12)]
    known = {name: [timbre([sound]) for sound in spoken(style, known_by)] for name, style in styles.items()}
    centroids = Centroids(known)
    for name, style in styles.items():
        assert {centroids.nearest(timbre([sound])) for sound in spoken(style)} == {name}
    assert centroids.nearest(Timbre(0.0, np.zeros(80, np.float32))) == ""


def test_the_examination_of_voices_that_babble(
    mind: Path, voices: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "SPEECH_TOKENS_PER_WORD", 8)
    monkeypatch.setattr(voice_swap, "PAGING_BAR_MS", 60_000.0)
    table = voice_exam.rows(2, mind, voices, num_for_centroids=4)
    by_skill = {row["skill"]: row for row in table}
    # each voice has a row, and babble meets nothing
    for name, hz in (("maya", 229), ("ada", 171)):
        row = by_skill[name]
        assert row["f0_hz_original"] == pytest.approx(hz, rel=0.06)
        assert row["sentences"] == 2 and row["wer_codec"] < 0.5 <= row["wer_mind"]
        assert not row["met"] and "envelope" in row["missed"] and "words" in row["missed"]
        assert row["envelope_codec_to_original"] < row["envelope_to_original"]
    # they differ in what they say and in nothing before it
    for skill in ("text before <|speak|> is bit-identical with a voice",
                  "A, B, A: the first voice says the same again",
                  "A after B on a kept prefix says what it says cold"):  # fmt: skip
        assert by_skill[skill]["share"] == 1.0 and by_skill[skill]["met"]
    swap = by_skill["tokens processed again after a change of voice"]
    assert (swap["tokens"], swap["turns"], swap["voices_differ"]) == (0, 36, 1.0)
    assert by_skill["adapter from registered to resident, ms"]["count"] == 20
    apart = by_skill["told apart, 2 in the room"]
    assert apart["right_codec"] >= 0.5 and 0.0 <= apart["right"] <= 1.0
    assert "| maya | " in voice_exam.as_text(table)


def test_no_voice_and_one_of_another_mind_are_refused(mind: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no voice to measure"):
        voice_exam.find_voices(tmp_path)
    lora = new_lora(load(mind).shape, rank=2, alpha=4.0, seed=1)
    words = Card(
        name="maya",
        licence="CC0-1.0",
        attribution="tests",
        consent="nobody was recorded",
        preview_text="-",
        base_sha256="0" * 64,
    )
    voice_file.write(tmp_path / "maya.gguf", lora, words, (vocabulary.SPECIAL_ID["<|speak|>"],))
    with pytest.raises(BadInput, match="maya was made for another mind"):
        voice_exam.rows(2, mind, voice_exam.find_voices(tmp_path))


def test_a_picture_shows_both_sounds_in_sixteen_colours(mind: Path, voices: dict[str, Path]) -> None:
    # given a tone on one side and silence on the other
    tone = (0.5 * np.sin(2 * np.pi * 1000.0 * np.arange(16_000) / 16_000)).astype(np.float32)
    pixels = spectrogram.portrait(tone, np.zeros(0, np.float32))
    # then the tone's line stands an eighth from the bottom, in the brightest colour
    assert pixels.shape == (64 + 256, 2 * 200 + 16) and pixels.max() == 15
    assert set(pixels[64 + 256 - 1 - 32, 20:180].tolist()) == {15}
    assert not pixels[64:, 216:].any()
    shown = pyspng.load(spectrogram.png(pixels), format="RGB")
    assert shown.shape == (*pixels.shape, 3)
    assert np.array_equal(shown, spectrogram._palette()[pixels])
    odd = pixels[:, :-1]
    assert pyspng.load(spectrogram.png(odd), format="RGB").shape == (*odd.shape, 3)


def test_every_voice_is_drawn(
    mind: Path, voices: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "SPEECH_TOKENS_PER_WORD", 8)
    drawn = spectrogram.draw(mind, voices, tmp_path / "pictures")
    assert [path.name for path in drawn] == ["maya.png", "ada.png"]
    assert all(5_000 < path.stat().st_size < 70_000 for path in drawn)
