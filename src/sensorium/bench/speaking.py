"""The mind's part of `bench parts`: its speech through scheduler and codec, and its voices.

Six personas in one room, as in `bench/equality.py`; what they say is given, so that it does not matter how
clever the mind is. A mind that only writes is not measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sensorium.bench import random_gguf
from sensorium.bench.equality import NUM_PERSONAS, QUESTIONS, Conversation
from sensorium.bench.figures import Figure
from sensorium.bundles import pronunciations
from sensorium.bundles.catalogue import Bundle
from sensorium.clock import SystemClock
from sensorium.history import Entry
from sensorium.inference.adapters import Adapters
from sensorium.inference.jobs import Began, Finished, Request, Spoke
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.mind import LocalMind
from sensorium.inference.sampling import just
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.speaking import find_tokens
from sensorium.inference.tokenizer import Tokenizer
from sensorium.persona import Persona, Voice
from sensorium.request import AdapterUse, Prompt, SpeechFormat, Usage
from sensorium.speech.codec import CodecModel, Decoder
from sensorium.speech.mouth import WordCodes
from sensorium.speech.native import SAMPLE_RATE_HZ, NativeVoice

REPLIES = (
    "i like apples .", "i live in london .", "your dog is called rex .", "two plus three is five .",
    "it is four seventeen in the afternoon .",
)  # fmt: skip
SPOKEN_TURNS, PAGINGS = 30, 60
_CELLS = 16_384
_EXCHANGES = 8
_REPLY_TOKENS, _SPEECH_TOKENS = 64, 640
_SWAP_SPEECH_TOKENS = 16
# On two matrices of a layer; a voice of rank 8 on all seven takes as many bytes.
_VOICE_RANK = 27

RTF = Figure("speech_rtf", "mind and codec, seconds for a second of speech", 0.3)
PAGING = Figure("voice_paging_ms", "a voice, from registered to resident (ms)", 20.0)
SWAP = Figure("voice_swap_tokens", "another voice, prompt tokens processed again", 0.0)


class Spoken(NamedTuple):
    """One reply. `compute_s` from the prompt's end on, the codec's share included."""

    usage: Usage
    compute_s: float
    sound_s: float


def measure(bundle: Bundle, folder: Path) -> tuple[list[Figure], dict[str, Any]]:
    """The figures and what belongs to the settings. `folder` is for files of its own. Raises BundleError, and
    MissingExtra as `random_gguf` where the bundle has no two voices."""
    if bundle.speech is None:
        why = f"the mind of bundle {bundle.name} does not speak"
        return [figure._replace(why=why) for figure in (RTF, PAGING, SWAP)], {}
    voices = _voices(bundle, folder, bundle.speech)
    with _opened(bundle, bundle.speech) as mind:
        sizes = [mind.adapters.register(path.stem, path) for path in voices]
        figures = [speech_rtf(mind), paging(mind, voices), swap(mind, [path.stem for path in voices])]
    own = len(bundle.voices) >= len(voices)
    return figures, {"voices": "the bundle's" if own else "random", "voice_bytes": max(sizes)}


class SpeakingMind:
    """Scheduler, llama.cpp and codec on one thread."""

    def __init__(self, bundle: Bundle, backend: LlamaBackend, speech: SpeechFormat) -> None:
        self.backend = backend
        self.adapters = Adapters(backend, 1 << 30)
        limits = Limits(bundle.context_tokens)
        tokens = find_tokens(speech, backend, pronunciations.of(bundle))
        scheduler = Scheduler(backend, self.adapters, SystemClock(), limits, tokens)
        self._mind = LocalMind(scheduler)
        self._tokenizer = Tokenizer(backend, word_space=bundle.prompt.get("text_form") == "spoken")
        codec = CodecModel.load(bundle.file("codec"))
        self._voice = NativeVoice(lambda: Decoder(codec))
        self._voice.warm_up()
        self._conversation = Conversation(bundle, [()])
        for number in range(_EXCHANGES):
            persona = self._persona(number)
            self._conversation.history.append(self._question(number))
            answer = self._conversation.entry("persona", persona.id, persona.name, _reply(number))
            self._conversation.history.append(answer)

    def ask(self, number: int) -> tuple[Prompt, str]:
        """The prompt of turn `number`, after some conversation, and the reply that will be given to it."""
        prompt = self._conversation.prompt(self._persona(number).id, number, self._question(number))
        return prompt, _reply(number)

    def speak(
        self, prompt: Prompt, reply: str, voice: str = "", speech_tokens: int = _SPEECH_TOKENS
    ) -> Spoken:
        request = Request(
            turn_id=1,
            persona_id=prompt.persona_id,
            prompt=self._tokenizer.prompt(prompt),
            max_tokens=_REPLY_TOKENS,
            sampling=just(self.backend.tokenize(f" {reply}")),
            adapters=(AdapterUse(voice),) if voice else (),
            speech_tokens=speech_tokens,
        )
        mouth = self._voice.open(Voice())
        began_s, usage = time.perf_counter(), None
        for event in self._mind.generate(request):
            match event:
                case Began():
                    began_s = time.perf_counter()
                case Spoke(word=word, codes=codes):
                    list(mouth.feed(WordCodes(word, np.array([codes], np.int16))))
                case Finished():
                    usage = event.usage
        list(mouth.flush())
        assert usage is not None
        return Spoken(usage, time.perf_counter() - began_s, mouth.num_samples / SAMPLE_RATE_HZ)

    def _persona(self, number: int) -> Persona:
        return self._conversation.personas[number % NUM_PERSONAS]

    def _question(self, number: int) -> Entry:
        text = QUESTIONS[number % len(QUESTIONS)].format(name=self._persona(number).name.lower())
        return self._conversation.entry("person", "sam", "sam", text)


def speech_rtf(mind: SpeakingMind, turns: int = SPOKEN_TURNS) -> Figure:
    """Of each reply, in the mind's own voice; one that is not measured comes first."""
    spoken = [mind.speak(*mind.ask(number)) for number in range(turns + 1)][1:]
    values = [said.compute_s / said.sound_s for said in spoken if said.sound_s]
    return RTF._replace(values=values, why="the mind gave no sound")


def swap(mind: SpeakingMind, voices: Sequence[str]) -> Figure:
    """One prompt, said by one voice and the other in turn: what it costs more than the same voice again."""
    prompt, reply = mind.ask(0)
    a, b = voices
    processed = [
        mind.speak(prompt, reply, voice, _SWAP_SPEECH_TOKENS).usage.processed_tokens
        for voice in (a, a, b, a, b, a)
    ]
    again = processed[1]
    return SWAP._replace(values=[tokens - again for tokens in processed[2:]])


def paging(mind: SpeakingMind, voices: Sequence[Path], pagings: int = PAGINGS) -> Figure:
    """There is room for one of them, so each that is wanted has to be loaded."""
    largest = max(mind.backend.check_adapter(path).num_bytes for path in voices)
    registry = Adapters(mind.backend, largest)
    for path in voices:
        registry.register(f"paged-{path.stem}", path)
    values = []
    for number in range(pagings):
        wanted = (AdapterUse(f"paged-{voices[number % len(voices)].stem}"),)
        loads, started_s = registry.num_loads, time.perf_counter()
        registry.ensure_resident(wanted)
        if registry.num_loads > loads:
            values.append((time.perf_counter() - started_s) * 1000.0)
        registry.release(wanted)
    return PAGING._replace(values=values)


@contextmanager
def _opened(bundle: Bundle, speech: SpeechFormat) -> Iterator[SpeakingMind]:
    config = LlamaConfig(cells=_CELLS, sequences=32, decode_threads=1, batch_threads=1, gpu_layers=0)
    backend = LlamaBackend(bundle.file("mind"), config, sha256=bundle.files["mind"].sha256)
    try:
        yield SpeakingMind(bundle, backend, speech)
    finally:
        backend.close()


def _reply(number: int) -> str:
    return REPLIES[number % len(REPLIES)]


def _voices(bundle: Bundle, folder: Path, speech: SpeechFormat) -> list[Path]:
    """Two of the bundle's own, else two of random weights."""
    own = [bundle.voice(name) for name in sorted(bundle.voices)[:2]]
    if len(own) == 2:
        return own
    paths = [folder / "voice_a.gguf", folder / "voice_b.gguf"]
    for seed, path in enumerate(paths, start=21):
        random_gguf.write_lora(
            path, base=bundle.file("mind"), rank=_VOICE_RANK, seed=seed, invoked_by=[speech.open]
        )
    return paths
