"""Given words and codes, when a spoken reply is written, then as training and the scheduler write it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="the bundle's mind is made with torch")

from training.mind import vocabulary
from training.mind.speech import Sound as SoundOf
from training.mind.speech import SpokenWord, interleave, shipped_pronunciations

from sensorium.bundles.catalogue import Bundle, find
from sensorium.errors import BadInput, BundleError
from sensorium.inference.llama import LlamaBackend
from sensorium.inference.speaking import Speaking
from sensorium.tuning.script import Script, speech_of

WORDS = ("i", "like", "tea", ".")
# Of their phonemes: one, three, two, and a pause.
COUNTS = (2, 3, 0, 5, 1, 2, 0)


def frames(*counts: int) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.integers(0, 1_000, (count, 2)) for count in counts]


@pytest.fixture
def script(speaking_bundle: Bundle, backend: LlamaBackend) -> Script:
    return Script(speaking_bundle, backend)


def test_ids_are_those_of_training(script: Script) -> None:
    codes = frames(*COUNTS)
    sentence = script.sentence(WORDS, codes)
    text = [vocabulary.BEGIN, vocabulary.SELF, *vocabulary.encode(" ".join(WORDS)), vocabulary.END]
    left = iter(codes)
    pronounced = shipped_pronunciations()
    spoken = [
        SpokenWord(word, tuple(SoundOf(vocabulary.FIRST_PHONEME + i, next(left)) for i in pronounced[word]))
        for word in WORDS
    ]
    assert sentence.ids.tolist() == [*text, *interleave(spoken)]
    assert sentence.speak_at == len(text)
    assert sentence.text == "i like tea ."


def test_a_sentence_may_begin_with_one_of_the_minds_own_voices_as_in_training(script: Script) -> None:
    plain = script.sentence(WORDS, frames(*COUNTS))
    speaker = script.speech.speakers[3]
    tagged = plain.by(speaker)
    at = plain.speak_at
    assert tagged.ids.tolist() == [*plain.ids[: at + 1], speaker, *plain.ids[at + 1 :]]
    assert tagged.ids[tagged.speak_at] == speaker and tagged.text == plain.text
    spoken = interleave([SpokenWord(".", ())], speaker)
    assert spoken[:2] == [script.speech.open, speaker]


@pytest.mark.parametrize("speaker", [None, 5])
def test_the_scheduler_puts_the_same_words_and_phonemes_in_the_same_places(
    script: Script, speaker: int | None
) -> None:
    # given a mind that is sure of the codes of a sentence, and at the end of each sound anything else
    codes = frames(*COUNTS)
    sentence = script.sentence(WORDS, codes)
    token = () if speaker is None else (script.speech.speakers[speaker],)
    ids = (sentence.by(*token) if token else sentence).ids.tolist()
    drawn = [*_drawn(script, codes), script.speech.close]
    # when the house speaks it
    invocation = (script.speech.open, *token)
    speaking = Speaking(script.speech, script.words(WORDS), vocabulary.END, invocation)
    put = []
    while not speaking.over:
        if speaking.must_read:
            logits = np.zeros(vocabulary.SIZE, np.float32)
            logits[drawn.pop(0)] = 30.0
            speaking.read(logits)
        else:
            put.append(speaking.next_token())
    # then the sequence is the one that was learnt from
    assert [*put, script.speech.close] == ids[ids.index(vocabulary.END) :]


def _drawn(script: Script, codes: Sequence[np.ndarray]) -> list[int]:
    flat = []
    for i, sound in enumerate(codes):
        for first, second in sound.tolist():
            flat += [script.speech.first_code + first, script.speech.first_code + 1_000 + second]
        if i < len(codes) - 1:
            flat.append(vocabulary.END)
    return flat


def test_a_word_of_which_nothing_says_how_it_sounds_is_refused(script: Script) -> None:
    with pytest.raises(BadInput, match="how 'zorblax' is pronounced"):
        script.sentence(("i", "zorblax"), frames(1))


def test_no_code_is_lost_because_there_are_more_than_sounds(script: Script) -> None:
    with pytest.raises(BadInput, match="2 sounds for the 1"):
        script.sentence(("i",), frames(1, 1))


@pytest.mark.parametrize("codes", [np.zeros((2, 3), np.int64), np.full((1, 2), 1_000), np.full((1, 2), -1)])
def test_codes_that_are_none_are_refused(script: Script, codes: np.ndarray) -> None:
    with pytest.raises(BadInput, match="code"):
        script.sentence(("i",), [codes])


def test_words_that_hold_a_space_are_refused(script: Script) -> None:
    with pytest.raises(BadInput, match="word by word"):
        script.words(("green tea",))


def test_a_mind_that_only_writes_has_no_voice(speaking_bundle: Bundle) -> None:
    mute = msgspec.structs.replace(find("nano"), speech=None)
    with pytest.raises(BundleError, match="writes and does not speak"):
        speech_of(mute)
    proser = msgspec.structs.replace(
        speaking_bundle, prompt={**speaking_bundle.prompt, "text_form": "written"}
    )
    with pytest.raises(BundleError, match="spoken words"):
        speech_of(proser)
