"""Is a reply after reuse the reply of a cold start? Twenty interleaved turns, with and without adapters.

Runs in a process of its own (`python -m sensorium.bench.equality`), because it holds two engines: one that
reuses and settles as the house does, and one that forgets everything before each turn.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bench import random_gguf
from sensorium.bundles import catalogue
from sensorium.bundles.catalogue import Bundle
from sensorium.clock import SystemClock
from sensorium.errors import BadInput
from sensorium.history import Entry
from sensorium.inference.adapters import Adapters
from sensorium.inference.backend import Sampler
from sensorium.inference.jobs import Finished, Request, Said, Urgency
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.mind import LocalMind
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.tokenizer import Tokenizer
from sensorium.prompting import format as prompt_formats
from sensorium.prompting.compose import compose
from sensorium.prompting.view import View
from sensorium.recipe import Recipe
from sensorium.request import AdapterUse, Prompt
from sensorium.store.seed import shipped_personas

NUM_PERSONAS = 6
REPLY_TOKENS = 24
CELLS = 16384
QUESTIONS = (
    "hello {name}", "{name} what do you like", "{name} where do you live", "my dog is called rex",
    "{name} what is my dog called", "{name} what is two plus three", "{name} what time is it",
    "{name} who is here", "{name} do you have a pet", "i like apples", "{name} what do i like",
    "{name} what do you see", "thank you {name}", "{name} what is seven minus four", "{name} how are you",
    "{name} what is your job", "{name} what did i say", "my name is joe", "{name} what is my name",
    "goodbye {name}",
)  # fmt: skip


class Heard(NamedTuple):
    """One reply and, for each of its tokens, the log-probabilities that it was drawn from."""

    text: str
    logprobs: list[NDArray[np.float32]]
    processed_tokens: int
    prompt_tokens: int


class Listening:
    """A backend that keeps the distributions it draws from; everything else is the real one's."""

    def __init__(self, backend: LlamaBackend) -> None:
        self._backend = backend
        self.drawn: list[NDArray[np.float32]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def sample(self, sequence: int, sampler: Sampler) -> int:
        logits = self._backend.logits(sequence).astype(np.float64)
        logits -= logits.max()
        self.drawn.append((logits - np.log(np.exp(logits).sum())).astype(np.float32))
        return self._backend.sample(sequence, sampler)


class Engine:
    """Scheduler, cache and llama.cpp; `forgets` empties the cache before each turn."""

    def __init__(self, bundle: Bundle, adapters: Sequence[Path], *, forgets: bool) -> None:
        # float32: what rounding to float16 does to a near tie depends on what else is in the batch.
        config = LlamaConfig(cells=CELLS, sequences=32, decode_threads=1, batch_threads=1, kv_type="f32")
        self._backend = Listening(LlamaBackend(bundle.file("mind"), config))
        registry = Adapters(self._backend, 1 << 30)
        for path in adapters:
            registry.register(path.stem, path)
        self._scheduler = Scheduler(self._backend, registry, SystemClock(), Limits(bundle.context_tokens))
        self._tokenizer = Tokenizer(self._backend, word_space=bundle.prompt.get("text_form") == "spoken")
        self._mind = LocalMind(self._scheduler)
        self._forgets = forgets

    def ask(self, prompt: Prompt, adapters: tuple[AdapterUse, ...]) -> Heard:
        if self._forgets:
            self._scheduler.prefix_cache.clear()
        self._backend.drawn = []
        tokens = self._tokenizer.prompt(prompt)
        events = list(
            self._mind.generate(Request(1, prompt.persona_id, tokens, REPLY_TOKENS, adapters=adapters))
        )
        usage = next(e.usage for e in events if isinstance(e, Finished))
        text = "".join(e.text for e in events if isinstance(e, Said))
        return Heard(text, self._backend.drawn, usage.processed_tokens, usage.prompt_tokens)

    def settle(self, prompt: Prompt, adapters: tuple[AdapterUse, ...]) -> None:
        tokens = self._tokenizer.prompt(prompt.stable())
        request = Request(-1, prompt.persona_id, tokens, adapters=adapters, urgency=Urgency.SETTLING)
        list(self._mind.generate(request))

    def close(self) -> None:
        self._backend.close()


class Conversation:
    """Six personas of the house and one person; every turn asks the next in an order without pattern."""

    def __init__(self, bundle: Bundle, uses: Sequence[tuple[AdapterUse, ...]]) -> None:
        self._format = prompt_formats.from_bundle(bundle.prompt)
        self.personas = shipped_personas()[:NUM_PERSONAS]
        self._uses = {p.id: uses[i % len(uses)] for i, p in enumerate(self.personas)}
        self.history: list[Entry] = []

    def compare(self, warm: Engine, cold: Engine, num_turns: int) -> list[tuple[Heard, Heard]]:
        """(after reuse, cold) for each turn."""
        pairs = []
        for number in range(num_turns):
            persona = self.personas[number * number % 7 % NUM_PERSONAS]
            question = QUESTIONS[number % len(QUESTIONS)].format(name=persona.name.lower())
            newest = self.entry("person", "sam", "sam", question)
            prompt = self.prompt(persona.id, number, newest)
            pair = (warm.ask(prompt, self._uses[persona.id]), cold.ask(prompt, self._uses[persona.id]))
            pairs.append(pair)
            self.history.append(newest)
            if answer := pair[0].text.strip():
                self.history.append(self.entry("persona", persona.id, persona.name, answer))
            for other in self.personas:
                warm.settle(self.prompt(other.id, number, None), self._uses[other.id])
        return pairs

    def entry(self, kind: Any, speaker_id: str, name: str, text: str) -> Entry:
        return Entry(id=len(self.history) + 1, kind=kind, text=text, speaker_id=speaker_id, speaker_name=name)

    def prompt(self, persona_id: str, number: int, newest: Entry | None) -> Prompt:
        persona = next(p for p in self.personas if p.id == persona_id)
        view = View(
            persona=persona,
            recipe=Recipe(),
            history=tuple(self.history),
            personas_here=tuple(p.name for p in self.personas),
            people_here=("sam",),
            percepts=("you see a red ball",) if number % 3 else (),
            wall_s=1_763_640_000.0 + 61.0 * number,
            newest=newest,
        )
        return compose(view, self._format)


def measure(bundle: Bundle, num_turns: int) -> dict[str, Any]:
    """Both conversations and the A/B/A check. Raises BundleError without a mind, MissingExtra without gguf.

    `max_logprob_difference` is over the whole vocabulary and every token that both engines drew alike.
    """
    with tempfile.TemporaryDirectory(prefix="sensorium-bench-") as folder:
        paths = (Path(folder) / "adapter_a.gguf", Path(folder) / "adapter_b.gguf")
        for seed, path in enumerate(paths, start=11):
            random_gguf.write_lora(path, base=bundle.file("mind"), seed=seed)
        warm, cold = (Engine(bundle, paths, forgets=forgets) for forgets in (False, True))
        a, b = (AdapterUse("adapter_a"),), (AdapterUse("adapter_b"),)
        plain = Conversation(bundle, [()]).compare(warm, cold, num_turns)
        adapted = Conversation(bundle, [a, (), b]).compare(warm, cold, num_turns)
        pairs = plain + adapted
        result = {
            "model": bundle.name,
            "outputs_equal_cold": all(w.text == c.text for w, c in pairs),
            "num_turns": len(pairs),
            "num_turns_equal": sum(w.text == c.text for w, c in pairs),
            "max_logprob_difference": max(_difference(w, c) for w, c in pairs),
            "processed_tokens_max": max(w.processed_tokens for w, _ in plain[NUM_PERSONAS * 2 :]),
            "adapter_aba_equal_cold": _aba(bundle, warm, cold, a, b),
        }
        warm.close()
        cold.close()
    return result


def _aba(
    bundle: Bundle, warm: Engine, cold: Engine, a: tuple[AdapterUse, ...], b: tuple[AdapterUse, ...]
) -> bool:
    """One prompt under A, then B, then A again: A's answer is that of a cold start, and B's is another."""
    conversation = Conversation(bundle, [()])
    newest = conversation.entry("person", "sam", "sam", QUESTIONS[1].format(name="maya"))
    prompt = conversation.prompt("maya", 0, newest)
    said = [warm.ask(prompt, use) for use in (a, b, a)]
    expected = [cold.ask(prompt, use) for use in (a, b, a)]
    differs = not np.array_equal(expected[0].logprobs[0], expected[1].logprobs[0])
    return differs and [h.text for h in said] == [h.text for h in expected]


def _difference(warm: Heard, cold: Heard) -> float:
    """The largest over all tokens of the vocabulary, as long as both have said the same."""
    pairs = zip(warm.logprobs, cold.logprobs, strict=False)
    differences = []
    for one, other in pairs:
        differences.append(float(np.abs(one - other).max()))
        if one.argmax() != other.argmax():
            break
    return round(max(differences, default=0.0), 6)


def find_bundle(name: str, folder: Path) -> Bundle:
    """The bundle, or a random model in `folder` while its mind is not trained yet (model: "random")."""
    bundle = catalogue.find(name)
    if (Path(bundle.folder) / bundle.files["mind"].path).exists():
        return bundle
    return catalogue.find(str(random_gguf.write_bundle(folder)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="sensorium.bench.equality")
    parser.add_argument("--bundle", default="nano")
    parser.add_argument("--turns", type=int, default=len(QUESTIONS))
    args = parser.parse_args()
    if args.turns < NUM_PERSONAS * 2 + 1:
        raise BadInput(f"{args.turns} turns", remedy=f"at least {NUM_PERSONAS * 2 + 1}")
    with tempfile.TemporaryDirectory(prefix="sensorium-bench-") as folder:
        print(json.dumps(measure(find_bundle(args.bundle, Path(folder)), args.turns)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
