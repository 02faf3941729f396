"""How a voice sounds: given words, spoken by the house's own scheduler and codec, nothing before them.

The words are forced by a grammar of their tokens, so that the reply is just these; what follows is what a
persona's turn does. No bridge, no worker process.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles.catalogue import Bundle
from sensorium.clock import Clock
from sensorium.errors import BadInput
from sensorium.inference.adapters import Adapters
from sensorium.inference.jobs import Finished, Request, Spoke
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.mind import LocalMind
from sensorium.inference.sampling import just
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.tokenizer import Tokenizer
from sensorium.prompting.words import spoken
from sensorium.request import AdapterUse
from sensorium.speech.codec import FRAME_SAMPLES, CodecModel, Decoder
from sensorium.tuning.script import Script, reply_prompt, speech_of

MAX_WORDS = 40
STOP = "."
_VOICE = "voice"
_CELLS = 8_192
# More frames than any word lasts, and the word itself.
_TOKENS_PER_WORD = 70


class Spoken(NamedTuple):
    """`samples` int16 (n,), 16 kHz; `codes` int64 (frames, groups). `ended`: the mind itself ended it."""

    samples: NDArray[np.int16]
    codes: NDArray[np.int64]
    ended: bool


def words_of(text: str) -> tuple[str, ...]:
    """The text as a persona would say it: spoken words and a "." at the end. Raises BadInput for none or too
    many."""
    words = tuple(spoken(text).split())
    if not words or set(words) == {STOP}:
        raise BadInput("there is nothing to say", remedy="give some words with --text")
    if len(words) > MAX_WORDS:
        raise BadInput(f"{len(words)} words to say, at most {MAX_WORDS}", remedy="say less")
    return words if words[-1] == STOP else (*words, STOP)


def speak(bundle: Bundle, words: Sequence[str], voice: Path | None, clock: Clock) -> Spoken:
    """`voice` None: the mind's own. Raises BundleError when the bundle's mind does not speak, AdapterError
    when the voice does not fit it, BadInput when it cannot say the words."""
    speech_of(bundle)
    codec = Decoder(CodecModel.load(bundle.file("codec")))
    config = LlamaConfig(cells=min(_CELLS, max(512, 2 * bundle.context_tokens)), sequences=4)
    with closing(LlamaBackend(bundle.file("mind"), config)) as backend:
        script = Script(bundle, backend)
        adapters = Adapters(backend, 1 << 30)
        if voice is not None:
            adapters.register(_VOICE, voice)
        ids = [token for word in script.words(words) for token in word.text]
        request = Request(
            turn_id=1,
            persona_id=_VOICE,
            prompt=Tokenizer(backend).prompt(reply_prompt(bundle)),
            max_tokens=len(ids) + 1,
            sampling=just(ids),
            adapters=() if voice is None else (AdapterUse(_VOICE, 1.0),),
            speech_tokens=min(_TOKENS_PER_WORD * len(words), bundle.context_tokens - 2 * len(ids) - 16),
        )
        scheduler = Scheduler(backend, adapters, clock, Limits(bundle.context_tokens), script.speech)
        sound: list[NDArray[np.int16]] = []
        codes: list[tuple[int, ...]] = []
        ended = False
        for event in LocalMind(scheduler).generate(request):
            match event:
                case Spoke(codes=frame):
                    codes.append(frame)
                    sound.append(codec.feed(np.array([frame], np.int64)))
                case Finished(reason=reason):
                    ended = reason == "end"
    sound.append(codec.flush())
    frames = np.array(codes, np.int64).reshape(-1, script.speech.groups)
    return Spoken(
        np.concatenate(sound)[: FRAME_SAMPLES * len(codes)] if codes else np.zeros(0, np.int16), frames, ended
    )
