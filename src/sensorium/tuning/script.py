"""How a spoken reply stands in a mind's sequence: the ids that a voice learns from.

    <|begin|> <|self|> w1 ... wN <|end|>
    <|speak|> [speaker] w1 w2 [sounds of w1] w3 [sounds of w2] ... <|end|> [sounds of wN] <|done|>

A sound is a phoneme and its codes. The same as `inference/speaking.py` writes it when a persona speaks. Knows
nothing of sound and of learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles import pronunciations
from sensorium.bundles.catalogue import Bundle
from sensorium.errors import BadInput, BundleError
from sensorium.inference.backend import Backend
from sensorium.inference.speaking import SpeechTokens, Word, find_tokens, split_words
from sensorium.prompting.format import PromptFormat, from_bundle
from sensorium.request import Block, Part, Prompt, Scope, SpeechFormat, Tier

Codes = NDArray[np.int64]  # (frames, groups)


class Sound(NamedTuple):
    """A phoneme's id and its codes, maybe none."""

    phoneme: int
    codes: Codes


class Sentence(NamedTuple):
    """`ids` int32 (n,) of a spoken reply. The voice acts from `speak_at` on, the last token of what opens the
    speech. `text` is what is said."""

    text: str
    ids: NDArray[np.int32]
    speak_at: int

    def by(self, speaker: int) -> Sentence:
        """The same, begun with the token of one of the mind's own voices."""
        ids = np.insert(self.ids, self.speak_at + 1, speaker)
        return self._replace(ids=ids, speak_at=self.speak_at + 1)


class Script:
    """One mind's way to write speech. `backend` only for its vocabulary."""

    def __init__(self, bundle: Bundle, backend: Backend) -> None:
        """Raises BundleError when the bundle's mind does not speak, or not in a way that is known here."""
        self._backend = backend
        prompt_format, self.format = speech_of(bundle)
        self.speech: SpeechTokens = find_tokens(self.format, backend, pronunciations.of(bundle))
        self._before = tuple(backend.special(part.text) for part in _opening(prompt_format))
        self._end = backend.special(prompt_format.self_.close[0])

    def words(self, words: Sequence[str]) -> list[Word]:
        """Text and phonemes of each word, as they are put there when it is spoken. Raises BadInput when the
        mind's vocabulary takes them for other words."""
        ids = self._backend.tokenize("".join(f" {word}" for word in words))
        found = split_words(self.speech, ((token, self._backend.piece(token)[0]) for token in ids))
        if len(found) != len(words):
            raise BadInput(f"the model cannot say {' '.join(words)!r} word by word")
        return found

    def phonemes(self, words: Sequence[str]) -> list[int]:
        """Their numbers, one after the other. Raises BadInput when nothing says how one is pronounced."""
        for word in words:
            if word not in self.speech.pronunciations:
                raise BadInput(f"nothing says how {word!r} is pronounced")
        return [number for word in words for number in self.speech.pronunciations[word]]

    def sentence(self, words: Sequence[str], codes: Sequence[Codes]) -> Sentence:
        """`codes` of each of `phonemes(words)`. Raises BadInput as these two, and for codes that are none."""
        if len(codes) != len(self.phonemes(words)):
            raise BadInput(f"{len(codes)} sounds for the {len(self.phonemes(words))} of {' '.join(words)!r}")
        found = self.words(words)
        sounds = iter(codes)
        said = [[Sound(phoneme, next(sounds)) for phoneme in word.phonemes] for word in found]
        texts = [*(word.text for word in found), (self._end,)]
        plain = [*self._before, *(token for text in texts for token in text)]
        ids = [*plain, *interleave(self.speech, texts, said)]
        return Sentence(" ".join(words), np.array(ids, np.int32), len(plain))


def speech_of(bundle: Bundle) -> tuple[PromptFormat, SpeechFormat]:
    """Raises BundleError when no voice can be made for this bundle."""
    if not bundle.capabilities.audio_out or bundle.speech is None:
        raise BundleError(
            f"the mind of bundle {bundle.name} writes and does not speak, so it can have no voice",
            remedy="configure a bundle with audio_out",
        )
    prompt_format = from_bundle(bundle.prompt)
    if prompt_format.text_form != "spoken" or len(prompt_format.self_.close) != 1:
        raise BundleError(
            f"bundle {bundle.name} does not write its replies as spoken words and one closing token",
            remedy="voices are made only for bundles that do",
        )
    return prompt_format, bundle.speech


def reply_prompt(bundle: Bundle) -> Prompt:
    """A prompt that holds nothing: the mind's reply is all that there is."""
    prompt_format, _ = speech_of(bundle)
    return Prompt("voice", (Block(Tier.VOLATILE, Scope.PERSONA, "reply", _opening(prompt_format)),))


def interleave(
    speech: SpeechTokens, texts: Sequence[Sequence[int]], sounds: Sequence[Sequence[Sound]]
) -> list[int]:
    """From `open` to `close`, each text one ahead of its sounds; `texts` has one more than `sounds`, the end.

    Raises BadInput for codes that are none.
    """
    ids = [speech.open, *texts[0]]
    for text, said in zip(texts[1:], sounds, strict=True):
        ids += text
        for sound in said:
            ids += [sound.phoneme, *code_ids(speech, sound.codes)]
    return [*ids, speech.close]


def code_ids(speech: SpeechTokens, codes: Codes) -> list[int]:
    """Frame by frame. Raises BadInput for other shapes and numbers."""
    if codes.ndim != 2 or codes.shape[1] != speech.groups:
        raise BadInput(f"codes of shape {codes.shape} where (frames, {speech.groups}) is expected")
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < speech.codes_per_group:
        raise BadInput(f"a code outside 0 to {speech.codes_per_group - 1}")
    offsets = speech.first_code + speech.codes_per_group * np.arange(speech.groups)
    ids: list[int] = (codes + offsets).reshape(-1).tolist()
    return ids


def _opening(prompt_format: PromptFormat) -> tuple[Part, ...]:
    return (*prompt_format.parts(prompt_format.begin), *prompt_format.reply_open())
