"""`sensorium voice preview`: how a voice sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorium.audio import write_wav
from sensorium.cli.output import Home, Json, run
from sensorium.cli.voice_intake import fitting, speaking
from sensorium.cli.voice_shelf import named
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput
from sensorium.store.store import Store
from sensorium.voices.library import Library

SAMPLE_RATE_HZ = 16_000


def preview(
    name: Annotated[str, Parameter(name="voice", help="Name of the voice, or the beginning of its sha256.")],
    /,
    *,
    text: Annotated[
        str, Parameter(show_default=False, help="What it says; else the preview text that it came with.")
    ] = "",
    out: Annotated[
        Path | None, Parameter(show_default=False, help="Write this WAV instead of NAME.wav in this folder.")
    ] = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Speaks a sentence in a voice, with the model's own mouth, into a WAV file.

    Example: sensorium voice preview warm --text "good morning" --out warm.wav
    """
    with run("voice preview", json) as output:
        config = Config.load(home)
        with Store.open(config.store_path) as store:
            voice = named(config, store, name)
        path, words = Library(Path(config.home), config.bundle).checked(voice.ref)
        target = out or Path(f"{voice.name}.wav")
        if out is None and target.exists():
            raise BadInput(f"{target} exists already", remedy="choose another --out, or move it away")
        bundle = speaking(config)
        fitting(config, path)

        from sensorium.tuning.preview import speak, words_of

        said = words_of(text or words.preview_text)
        spoken = speak(bundle, said, path, SystemClock())
        if not len(spoken.samples):
            raise BadInput(f"voice {voice.name} said nothing", remedy="give other words, or train it longer")
        write_wav(target, spoken.samples, SAMPLE_RATE_HZ)
        seconds = len(spoken.samples) / SAMPLE_RATE_HZ
        output.result(
            {
                "voice": voice.name,
                "text": " ".join(said),
                "file": str(target),
                "seconds": round(seconds, 2),
                "ended": spoken.ended,
            }
        )
        output.text(f"Wrote {target}: {seconds:.1f} s, {' '.join(said)!r}.")
        if not spoken.ended:
            output.text("It did not come to an end by itself and was cut off.")
