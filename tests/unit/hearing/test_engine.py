"""One contract for every engine, be it a bridge, native or a fake of either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.audio import from_int16
from sensorium.errors import BadInput
from sensorium.hearing.engine import Engine, Hypothesis

GOLDEN = np.load(Path(__file__).with_name("ear_golden.npz"))
SPEECH = from_int16(GOLDEN["pcm"])
SAID = str(GOLDEN["text"])
NATIVE = ("native", "fake native")


@pytest.fixture(scope="module", params=["ear", "pocketsphinx", "fake", *NATIVE])
def engine(request, open_engine) -> Engine:
    return open_engine(request.param)


@pytest.fixture(scope="module", params=NATIVE)
def native(request, open_engine) -> Engine:
    return open_engine(request.param)


@pytest.fixture(autouse=True)
def _anew(request):
    for name in {"engine", "native"} & set(request.fixturenames):
        request.getfixturevalue(name).reset()


def hear(engine: Engine, samples: np.ndarray, step: int) -> list[Hypothesis]:
    heard = [engine.feed(samples[i : i + step]) for i in range(0, len(samples), step)]
    return [*heard, engine.finish()]


def rows(heard: list[Hypothesis]) -> np.ndarray:
    return np.concatenate([h.rows for h in heard])


def test_words_appear_while_sound_comes_and_are_lower_case(engine):
    heard = hear(engine, SPEECH, 1280)
    assert any(h.text for h in heard[:-1]), "nothing until the end is not streaming"
    assert heard[-1].text == heard[-1].text.lower().strip()
    assert set(heard[-1].text.split()) & set(SAID.split())


def test_confidence_is_between_0_and_1_and_clear_speech_is_trusted(engine):
    heard = hear(engine, SPEECH, 1280)
    assert all(0.0 <= h.confidence <= 1.0 for h in heard)
    assert heard[-1].confidence > 0.5


def test_the_size_of_the_pieces_does_not_matter(engine):
    first = hear(engine, SPEECH, 1280)
    engine.reset()
    again = hear(engine, SPEECH, 333)
    assert again[-1].text == first[-1].text
    assert again[-1].confidence == first[-1].confidence
    np.testing.assert_array_equal(rows(again), rows(first))


def test_after_reset_the_old_utterance_is_forgotten(engine):
    hear(engine, SPEECH, 1280)
    engine.reset()
    assert engine.feed(np.zeros(1280, np.float32)).text == ""


def test_reset_in_the_middle_of_an_utterance_is_allowed(engine):
    whole = hear(engine, SPEECH, 1280)
    engine.reset()
    engine.feed(SPEECH[:9000])
    engine.reset()
    again = hear(engine, SPEECH, 1280)
    assert again[-1].text == whole[-1].text
    np.testing.assert_array_equal(rows(again), rows(whole))


def test_an_utterance_without_sound_has_no_words(engine):
    if engine.engine != "fake":
        assert engine.finish().text == ""
    engine.reset()


@pytest.mark.parametrize("pcm", [np.zeros(100), np.zeros((2, 100), np.float32), np.zeros(100, np.int16)])
def test_other_forms_of_sound_are_refused(engine, pcm):
    with pytest.raises(BadInput):
        engine.feed(pcm)


def test_bridges_give_no_rows_and_say_that_they_are_bridges(engine):
    assert engine.is_bridge == (not len(rows(hear(engine, SPEECH, 1280))))


def test_every_word_has_its_row_as_soon_as_it_is_there(native):
    num_rows = 0
    for heard in hear(native, SPEECH, 640):
        num_rows += len(heard.rows)
        assert heard.rows.dtype == np.float32 and heard.rows.ndim == 2
        assert num_rows == len(heard.text.split())
    assert num_rows == len(SAID.split())


def test_different_words_read_differently(native):
    read = rows(hear(native, SPEECH, 1280))
    assert np.isfinite(read).all()
    first, second = read[SAID.split().index("what")], read[SAID.split().index("is")]
    assert np.abs(first - second).max() > 0.01
