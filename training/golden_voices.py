"""Keeps how nano and its voices say one sentence, for the tests: `python -m training.golden_voices`.

tests/unit/bundles/golden/NAME.wav, 16 kHz mono, of the mind's own voice ("base") and the first two that come
with the bundle. To be run after a new mind or new voices were shipped, and listened to.
"""

from __future__ import annotations

from pathlib import Path

from sensorium.audio import write_wav
from sensorium.bundles.catalogue import Bundle, find
from sensorium.clock import SystemClock
from sensorium.speech.native import SAMPLE_RATE_HZ
from sensorium.tuning.preview import speak, words_of
from training.judge import to_float

FOLDER = Path(__file__).parents[1] / "tests" / "unit" / "bundles" / "golden"
SENTENCE = "hello sam , i like green tea ."
BASE = "base"
_NUM_VOICES = 2


def voices(bundle: Bundle) -> dict[str, Path | None]:
    """Who is kept, each with its file; None is the mind's own voice."""
    return {BASE: None, **{name: bundle.voice(name) for name in sorted(bundle.voices)[:_NUM_VOICES]}}


def main() -> None:
    bundle = find("nano")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, voice in voices(bundle).items():
        spoken = speak(bundle, words_of(SENTENCE), voice, SystemClock())
        write_wav(FOLDER / f"{name}.wav", to_float(spoken.samples), SAMPLE_RATE_HZ)
        print(f"{name}: {len(spoken.samples) / SAMPLE_RATE_HZ:.2f} s, ended {spoken.ended}")


if __name__ == "__main__":
    main()
