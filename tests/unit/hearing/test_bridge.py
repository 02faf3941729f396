"""One contract for every speech-to-text, the fake included; and what each does beyond it."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest

from sensorium.audio import from_int16
from sensorium.bundles.catalogue import find
from sensorium.errors import BadInput, BundleError, MissingExtra
from sensorium.hearing.bridge import ENGINES, EarWords, Pocketsphinx, SpeechToText
from sensorium.hearing.encoder import EarModel
from sensorium.hearing.fake import FakeSpeechToText

GOLDEN = np.load(Path(__file__).with_name("ear_golden.npz"))
SPEECH = from_int16(GOLDEN["pcm"])
SAID = str(GOLDEN["text"])


@pytest.fixture(scope="module")
def bundle():
    return find("nano")


@pytest.fixture(scope="module", params=ENGINES)
def stt(request, bundle) -> SpeechToText:
    if request.param == "fake":
        return FakeSpeechToText((SAID,) * 20)
    if request.param == "ear":
        return EarWords(EarModel.load(bundle.file("ear")))
    pytest.importorskip("pocketsphinx", reason="the extra `stt` is not installed")
    return Pocketsphinx(bundle.file("grammar"), bundle.file("dictionary"))


@pytest.fixture(autouse=True)
def _anew(request):
    if "stt" in request.fixturenames:
        request.getfixturevalue("stt").reset()


def hear(stt: SpeechToText, samples: np.ndarray, step: int) -> list[str]:
    texts = [stt.feed(samples[i : i + step]) for i in range(0, len(samples), step)]
    return [*texts, stt.finish()]


def test_words_appear_while_sound_comes_and_are_lower_case(stt):
    texts = hear(stt, SPEECH, 1280)
    assert any(texts[:-1]), "nothing until the end is not streaming"
    assert texts[-1] == texts[-1].lower().strip()
    assert set(texts[-1].split()) & set(SAID.split())


def test_the_size_of_the_pieces_does_not_matter(stt):
    first = hear(stt, SPEECH, 1280)[-1]
    stt.reset()
    assert hear(stt, SPEECH, 333)[-1] == first


def test_after_reset_the_old_utterance_is_forgotten(stt):
    hear(stt, SPEECH, 1280)
    stt.reset()
    assert stt.feed(np.zeros(1280, np.float32)) == ""


def test_reset_in_the_middle_of_an_utterance_is_allowed(stt):
    whole = hear(stt, SPEECH, 1280)[-1]
    stt.reset()
    stt.feed(SPEECH[:9000])
    stt.reset()
    assert hear(stt, SPEECH, 1280)[-1] == whole


def test_an_utterance_without_sound_has_no_words(stt):
    if stt.engine != "fake":
        assert stt.finish() == ""
    stt.reset()


@pytest.mark.parametrize("pcm", [np.zeros(100), np.zeros((2, 100), np.float32), np.zeros(100, np.int16)])
def test_other_forms_of_sound_are_refused(stt, pcm):
    with pytest.raises(BadInput):
        stt.feed(pcm)


def test_the_ear_hears_every_word(bundle):
    assert hear(EarWords(EarModel.load(bundle.file("ear"))), SPEECH, 1280)[-1] == SAID


def test_pocketsphinx_says_only_sentences_of_the_world(bundle):
    pytest.importorskip("pocketsphinx", reason="the extra `stt` is not installed")
    allowed = {
        line.split()[0].partition("(")[0] for line in bundle.file("dictionary").read_text().splitlines()
    }
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    heard = hear(Pocketsphinx(bundle.file("grammar"), bundle.file("dictionary")), noise, 1280)[-1]
    assert set(heard.split()) <= allowed


def test_a_missing_extra_is_named_with_its_remedy(bundle, monkeypatch):
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "pocketsphinx":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra) as missing:
        Pocketsphinx(bundle.file("grammar"), bundle.file("dictionary"))
    assert "sensorium[stt]" in missing.value.remedy


def test_a_broken_grammar_is_refused(bundle, tmp_path):
    pytest.importorskip("pocketsphinx", reason="the extra `stt` is not installed")
    with pytest.raises(BundleError, match="missing"):
        Pocketsphinx(tmp_path / "none.gram", bundle.file("dictionary"))
    (tmp_path / "bad.gram").write_text("this is no grammar")
    with pytest.raises(BundleError, match="cannot use"):
        Pocketsphinx(tmp_path / "bad.gram", bundle.file("dictionary"))
