"""Given words and a voice, when they are spoken, then just these, by the house's scheduler and codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the bundle's mind is made with torch")

from sensorium.bench import random_gguf  # noqa: E402
from sensorium.bundles.catalogue import Bundle, find  # noqa: E402
from sensorium.clock import ManualClock  # noqa: E402
from sensorium.errors import AdapterError, BadInput, BundleError  # noqa: E402
from sensorium.inference.jobs import Said  # noqa: E402
from sensorium.inference.mind import LocalMind  # noqa: E402
from sensorium.speech.codec import CodecModel, decode_whole  # noqa: E402
from sensorium.tuning.preview import speak, words_of  # noqa: E402

WORDS = ("hello", "zorblax", ".")


@pytest.fixture
def voice(speaking_bundle: Bundle, tmp_path: Path) -> Path:
    path = tmp_path / "warm.gguf"
    mind = Path(speaking_bundle.folder) / "mind.gguf"
    random_gguf.write_lora(path, base=mind, strength=3.0, invoked_by=["<|speak|>"])
    return path


def test_just_these_words_are_said_and_their_codes_become_sound(
    speaking_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a mind that babbles, and somebody who listens to what it writes
    written: list[str] = []
    generate = LocalMind.generate

    def listen(self: LocalMind, request: object) -> object:
        for event in generate(self, request):  # type: ignore[arg-type]
            if isinstance(event, Said):
                written.append(event.text)
            yield event

    monkeypatch.setattr(LocalMind, "generate", listen)
    # when
    spoken = speak(speaking_bundle, WORDS, None, ManualClock())
    # then
    assert "".join(written) == " hello zorblax ."
    assert len(spoken.codes) > 10
    whole = decode_whole(CodecModel.load(speaking_bundle.file("codec")), spoken.codes)
    assert spoken.samples.shape == (640 * len(spoken.codes),)
    # Streamed and whole may round one of 65,536 steps apart.
    assert np.abs(spoken.samples.astype(np.int32) - whole).max() <= 1


def test_a_voice_is_heard(speaking_bundle: Bundle, voice: Path) -> None:
    plain = speak(speaking_bundle, WORDS, None, ManualClock())
    voiced = speak(speaking_bundle, WORDS, voice, ManualClock())
    assert plain.codes.tolist() != voiced.codes.tolist()
    assert plain.codes.tolist() == speak(speaking_bundle, WORDS, None, ManualClock()).codes.tolist()


def test_words_come_in_spoken_form_with_a_stop() -> None:
    assert words_of("Hello, it's 2 o'clock!") == ("hello", "it", "is", "two", "oclock", ".")


@pytest.mark.parametrize(
    ("text", "says"), [("", "nothing to say"), (" ?! ", "nothing"), ("ja " * 50, "51|50 words")]
)
def test_nothing_and_too_much_are_refused(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        words_of(text)


def test_what_does_not_fit_is_refused(speaking_bundle: Bundle, tmp_path: Path) -> None:
    mute = find("nano")
    if not mute.capabilities.audio_out:
        with pytest.raises(BundleError, match="does not speak"):
            speak(mute, WORDS, None, ManualClock())
    other = tmp_path / "other.gguf"
    random_gguf.write_dense(tmp_path / "mind.gguf", width=32, heads=2, vocab_words=16)
    random_gguf.write_lora(other, base=tmp_path / "mind.gguf", invoked_by=["<|self|>"])
    with pytest.raises(AdapterError, match="another model"):
        speak(speaking_bundle, WORDS, other, ManualClock())
