"""Which of the mind's own voices recordings sound most like: a voice is learnt from there, not from nowhere.

A mind that speaks in several voices has a token for each. The nearest is the one behind which the mind
foresees the recordings' codes best.
"""

from __future__ import annotations

from collections.abc import Sequence

from sensorium.inference.speaking import SpeechTokens
from sensorium.tuning.decoder import Decoder
from sensorium.tuning.learning import score
from sensorium.tuning.script import Sentence

# Enough to tell voices apart: of 1,500 codes the mean cross-entropy is known to 0.1 nat.
_SENTENCES = 16


def nearest(decoder: Decoder, speech: SpeechTokens, sentences: Sequence[Sentence]) -> int | None:
    """The token of that voice; None for the one that has no token."""
    sample = sentences[:: max(1, len(sentences) // _SENTENCES)][:_SENTENCES]
    own: list[int | None] = [None, *speech.speakers]
    losses = [score(decoder, speech, by(sample, speaker)).loss for speaker in own]
    return own[losses.index(min(losses))]


def by(sentences: Sequence[Sentence], speaker: int | None) -> list[Sentence]:
    return [sentence if speaker is None else sentence.by(speaker) for sentence in sentences]
