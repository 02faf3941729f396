"""Given recordings, when a voice is made of them, then the house can use it, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="voices are made with torch")
pytest.importorskip("espeakng_loader", reason="it speaks the recordings")

from training.espeak import Style, engine

from sensorium.audio import write_wav
from sensorium.bundles import gguf_adapter, gguf_file
from sensorium.bundles.catalogue import Bundle
from sensorium.clock import ManualClock
from sensorium.errors import BadInput, BundleError
from sensorium.tuning import kept
from sensorium.tuning.learning import Progress, Settings
from sensorium.tuning.studio import (
    LeftOut,
    Made,
    Prepared,
    Stopped,
    learn,
    prepare,
    summary,
)
from sensorium.voices.card import Card

TEXTS = [
    "hello i am maya .",
    "i like green tea .",
    "the dog is in the garden .",
    "what do you like .",
    "my name is maya .",
] * 2  # What is held out is learnt, too: even by a mind of noise.
CARD = Card(
    name="warm",
    licence="CC0-1.0",
    attribution="tests",
    consent="a synthesizer; nobody was recorded",
    preview_text="-",
)
QUICK = Settings(rank=2, alpha=4.0, tokens_per_step=400, rate=4e-3, num_epochs=10, max_seconds=60.0)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for i, text in enumerate(TEXTS):
        write_wav(folder / f"{i}.wav", engine().speak(text, Style("en-us+f3")).samples, 16_000)
        (folder / f"{i}.txt").write_text(text)
    # one that says something else, and one that nobody wrote down
    write_wav(folder / "other.wav", engine().speak(TEXTS[0], Style("en-us")).samples, 16_000)
    (folder / "other.txt").write_text("what do you like best about green apples")
    write_wav(folder / "untold.wav", engine().speak(TEXTS[0], Style("en-us")).samples, 16_000)
    return folder


@pytest.fixture(scope="module")
def prepared(speaking_bundle: Bundle, recordings: Path) -> Prepared:
    return prepare(speaking_bundle, recordings, min_seconds=5.0)


def make(
    bundle: Bundle, prepared: Prepared, folder: Path, *, stop_after: int = 10**6, resume: bool = False
) -> Made | Stopped:
    seen: list[Progress] = []
    return learn(
        bundle,
        prepared,
        QUICK,
        CARD,
        folder,
        ManualClock(),
        seen.append,
        lambda: len(seen) >= stop_after,
        resume=resume,
    )


def test_recordings_become_sentences_and_others_are_named(prepared: Prepared) -> None:
    assert sorted(s.text for s in prepared.sentences) == sorted(TEXTS)
    assert dict(prepared.left_out) == {
        "other.wav": "the model's ear hears something else than its transcript",
        "untold.wav": "it has no transcript",
    }
    assert 10.0 < prepared.seconds < 30.0
    # whole frames, and not just a few
    for sentence in prepared.sentences:
        codes = int((sentence.ids >= prepared.speech.first_code).sum())
        assert codes % 2 == 0 and codes > 2 * 20


def test_a_voice_is_made_that_fits_and_says_whose_it_is(
    speaking_bundle: Bundle, prepared: Prepared, tmp_path: Path
) -> None:
    made = make(speaking_bundle, prepared, tmp_path / "warm")
    assert isinstance(made, Made)
    assert made.progress.best.loss < made.progress.first.loss
    model = gguf_file.read_model(speaking_bundle.file("mind"))
    adapter = gguf_adapter.read_adapter(made.file, model)
    assert (adapter.rank, adapter.invocation_tokens) == (2, _opening(prepared))
    assert adapter.file.text("sensorium.voice.consent") == CARD.consent
    assert made.card.preview_text in TEXTS


def _opening(prepared: Prepared) -> tuple[int, ...]:
    """What the sentences are begun with, and so what invokes the voice."""
    sentence = prepared.sentences[0]
    at = sentence.ids.tolist().index(prepared.speech.open)
    return tuple(sentence.ids[at : sentence.speak_at + 1].tolist())


def test_what_was_learnt_is_kept_when_it_is_stopped_and_gone_on_with(
    speaking_bundle: Bundle, prepared: Prepared, tmp_path: Path
) -> None:
    folder = tmp_path / "warm"
    stopped = make(speaking_bundle, prepared, folder, stop_after=1)
    assert isinstance(stopped, Stopped) and stopped.progress.step == 1
    assert [p.name for p in folder.iterdir()] == [kept.NAME]
    made = make(speaking_bundle, prepared, folder, resume=True)
    whole = make(speaking_bundle, prepared, tmp_path / "whole")
    assert isinstance(made, Made) and isinstance(whole, Made)
    assert made.progress.best.loss == pytest.approx(whole.progress.best.loss, rel=1e-4)


def test_nothing_to_go_on_with_and_what_is_damaged_are_refused(
    speaking_bundle: Bundle, prepared: Prepared, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="nothing to go on with"):
        make(speaking_bundle, prepared, tmp_path, resume=True)
    (tmp_path / kept.NAME).write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(BadInput, match="damaged"):
        make(speaking_bundle, prepared, tmp_path, resume=True)


def test_too_little_is_refused_with_what_was_left_out(speaking_bundle: Bundle, recordings: Path) -> None:
    with pytest.raises(BadInput, match=r"0\.\d minutes .* needs 5; left out: 2 \(1: .*no transcript"):
        prepare(speaking_bundle, recordings)


def test_a_mind_that_has_no_phonemes_cannot_be_taught(speaking_bundle: Bundle, recordings: Path) -> None:
    assert speaking_bundle.speech is not None
    plain = msgspec.structs.replace(speaking_bundle.speech, phonemes=())
    with pytest.raises(BundleError, match="does not spell"):
        prepare(msgspec.structs.replace(speaking_bundle, speech=plain), recordings)


def test_a_summary_names_the_most_frequent_reason_first() -> None:
    left_out = [LeftOut("a", "x"), LeftOut("b", "y"), LeftOut("c", "y")]
    assert summary(left_out) == "3 (2: y; 1: x)"
    assert summary([]) == "none"
    assert np.char.count(summary([LeftOut("a", str(i)) for i in range(9)]), "1: ") == 4
