"""Given recordings, when a voice is learnt, then it starts from the mind's own voice that is nearest."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.tuning.test_script import COUNTS, WORDS, frames

from sensorium.bundles.catalogue import Bundle
from sensorium.inference.llama import LlamaBackend
from sensorium.tuning.script import Script, Sentence

pytest.importorskip("torch", reason="voices are made with torch")
from sensorium.tuning import decoder, speakers
from sensorium.tuning.learning import Score


@pytest.fixture
def script(speaking_bundle: Bundle, backend: LlamaBackend) -> Script:
    return Script(speaking_bundle, backend)


@pytest.fixture
def sentences(script: Script) -> list[Sentence]:
    return [script.sentence(WORDS, frames(*COUNTS)) for _ in range(40)]


@pytest.mark.parametrize("best", [None, 0, 31])
def test_the_one_that_foresees_them_best_is_nearest(
    script: Script, sentences: list[Sentence], best: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = None if best is None else script.speech.speakers[best]
    asked: list[int] = []

    def scored(_mind: object, speech: object, some: list[Sentence]) -> Score:
        asked.append(len(some))
        begun = some[0].ids[some[0].speak_at]
        return Score(1.0 if begun == (wanted or script.speech.open) else 2.0, 0.0)

    monkeypatch.setattr(speakers, "score", scored)
    assert speakers.nearest(None, script.speech, sentences) == wanted  # type: ignore[arg-type]
    # a part of them is enough
    assert len(asked) == 33 and max(asked) < len(sentences)


def test_a_real_mind_is_asked(speaking_bundle: Bundle, script: Script, sentences: list[Sentence]) -> None:
    mind = decoder.load(speaking_bundle.file("mind"))
    found = speakers.nearest(mind, script.speech, sentences[:2])
    assert found is None or found in script.speech.speakers
    everybody = [None, *script.speech.speakers]
    losses = [speakers.score(mind, script.speech, speakers.by(sentences[:2], s)).loss for s in everybody]
    assert everybody[int(np.argmin(losses))] == found


def test_a_mind_of_one_voice_has_none_to_choose(speaking_bundle: Bundle, script: Script) -> None:
    mind = decoder.load(speaking_bundle.file("mind"))
    alone = script.speech._replace(speakers=())
    assert speakers.nearest(mind, alone, [script.sentence(WORDS, frames(*COUNTS))]) is None
