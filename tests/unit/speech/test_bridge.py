"""One contract for every engine of `TextToSpeech`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sensorium.errors import BadInput, MissingExtra, NotFound
from sensorium.persona import Voice
from sensorium.speech.bridge import MAX_PHRASE_CHARS, TextToSpeech
from sensorium.speech.espeak import EspeakBridge
from sensorium.speech.fake import FakeTextToSpeech


@pytest.fixture(scope="module", params=["espeak", "fake"])
def bridge(request: pytest.FixtureRequest) -> Iterator[TextToSpeech]:
    try:
        engine: TextToSpeech = EspeakBridge() if request.param == "espeak" else FakeTextToSpeech()
    except MissingExtra as e:
        pytest.skip(e.one_line())
    yield engine
    engine.close()


def spoken(bridge: TextToSpeech, text: str, **voice: str | int) -> np.ndarray:
    chunks = list(bridge.synthesize(text, Voice(**voice)))
    return np.concatenate(chunks) if chunks else np.zeros(0, np.int16)


def test_words_become_chunks_of_int16(bridge):
    chunks = list(bridge.synthesize("hello there, how are you?", Voice()))
    assert len(chunks) > 3
    assert all(chunk.dtype == np.int16 and chunk.ndim == 1 and len(chunk) for chunk in chunks)
    seconds = sum(map(len, chunks)) / bridge.sample_rate_hz
    assert 0.5 < seconds < 4
    assert np.abs(np.concatenate(chunks).astype(int)).max() > 3000


def test_longer_text_is_longer_and_a_faster_voice_is_shorter(bridge):
    short = spoken(bridge, "seven green maps")
    assert len(spoken(bridge, "seven green maps and eleven red boats")) > 1.5 * len(short)
    assert len(spoken(bridge, "seven green maps", rate_wpm=300)) < 0.8 * len(short)


def test_pitch_changes_the_sound(bridge):
    def brightness(pitch: int) -> float:
        sound = spoken(bridge, "aaaaaaaa", pitch=pitch).astype(float)
        return float(np.mean(np.diff(np.signbit(sound).astype(int)) != 0))

    assert brightness(90) > 1.02 * brightness(10)


def test_a_closed_generator_stops_and_the_next_phrase_is_clean(bridge):
    alone = spoken(bridge, "yes")
    chunks = bridge.synthesize("a very long story " * 200, Voice())
    next(chunks)
    chunks.close()
    assert abs(len(spoken(bridge, "yes")) - len(alone)) < 0.1 * len(alone)


def test_a_forgotten_generator_does_not_get_into_the_next_phrase(bridge):
    alone = spoken(bridge, "yes")
    forgotten = bridge.synthesize("a very long story " * 200, Voice())
    next(forgotten)
    assert abs(len(spoken(bridge, "yes")) - len(alone)) < 0.1 * len(alone)
    assert forgotten is not None


@pytest.mark.parametrize(
    ("name", "hint"), [("en-uk", "'en-u"), ("en_gb", "en-gb"), ("en-us+f33", "f3"), ("", ""), ("en-us+", "")]
)
def test_an_unknown_voice_is_named_with_the_nearest(bridge, name, hint):
    for ask in (bridge.check, lambda voice: list(bridge.synthesize("hi", voice))):
        with pytest.raises(NotFound) as failure:
            ask(Voice(espeak=name))
        assert hint in failure.value.remedy


def test_known_voices_are_listed_and_taken(bridge):
    voices = bridge.list_voices()
    assert {"en-us", "en-gb", "en-029", "en-gb-scotland", "en"} <= set(voices)
    bridge.check(Voice(espeak="en-gb-scotland+f3"))
    assert len(spoken(bridge, "hi", espeak="en-gb+m2")) > 0


def test_too_much_text_is_refused(bridge):
    with pytest.raises(BadInput, match="too many"):
        list(bridge.synthesize("a" * (MAX_PHRASE_CHARS + 1), Voice()))


def test_markup_and_control_characters_are_words_or_nothing_but_never_commands(bridge):
    plain = spoken(bridge, "hello there")
    assert len(spoken(bridge, "<voice>hello there</voice>")) > 1.3 * len(plain)
    assert len(spoken(bridge, "hello\x00 there")) > 0.8 * len(plain)
    # To espeak-ng, ctrl-A and "40S" would mean: slower from here.
    assert abs(len(spoken(bridge, "hello \x01 there")) - len(plain)) < 0.3 * len(plain)


def test_text_without_letters_is_next_to_nothing(bridge):
    for text in ("", " ", ".", "\n\t"):
        assert len(spoken(bridge, text)) < 0.05 * bridge.sample_rate_hz
