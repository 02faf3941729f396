"""Text-to-speech behind one interface, for models that have no voice of their own.

Knows nothing of turns or of any engine.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from typing import Protocol

from sensorium.errors import BadInput, NotFound
from sensorium.persona import Voice
from sensorium.speech.mouth import Samples

Chunks = Generator[Samples, None, None]

MAX_PHRASE_CHARS = 4_000


class TextToSpeech(Protocol):
    """One engine. Not for two threads at once."""

    @property
    def engine(self) -> str: ...

    @property
    def sample_rate_hz(self) -> int: ...

    def list_voices(self) -> list[str]: ...

    def check(self, voice: Voice) -> None:
        """Raises NotFound, naming the nearest voice, when the engine has none called so."""
        ...

    def synthesize(self, text: str, voice: Voice) -> Chunks:
        """The words as sound: chunks of int16 [n] mono at `sample_rate_hz`, n >= 1, as soon as they exist.

        Closing the generator cancels the rest. Text is taken literally: markup is spoken, not obeyed.
        Raises BadInput (text too long), NotFound (voice), WorkerFailed (the engine broke; the next call
        starts it anew).
        """
        ...

    def close(self) -> None: ...


def check_text(text: str) -> None:
    """Raises BadInput when one phrase is longer than any engine is given."""
    if len(text) > MAX_PHRASE_CHARS:
        raise BadInput(f"{len(text)} characters are too many for one phrase; at most {MAX_PHRASE_CHARS}")


def check_voice_name(name: str, voices: Collection[str], variants: Collection[str]) -> None:
    """A name is "voice" or "voice+variant", e.g. "en-us+f3". Raises NotFound naming the nearest.

    Asked before espeak-ng is, which takes any variant and speaks with none when it does not exist.
    """
    voice, plus, variant = name.partition("+")
    if voice not in voices:
        raise NotFound.named("voice", voice, voices)
    if plus and variant not in variants:
        raise NotFound.named("voice variant", variant, variants)
