from __future__ import annotations

from tests.unit.inference.engine import Engine

from sensorium.inference.backend import Span
from sensorium.inference.fake import FakeBackend
from sensorium.inference.prefix_cache import AdapterKey, PrefixCache
from sensorium.inference.sequence import Sequences
from sensorium.inference.tokenizer import TokenizedPrompt

ADAPTED: AdapterKey = (("a@1", 1.0),)


class Cache:
    """A prefix cache over the fake, and what a scheduler would do to fill it."""

    def __init__(self, sequences: int = 16) -> None:
        self.backend = FakeBackend(cells=10_000, sequences=sequences)
        self.sequences = Sequences(self.backend)
        self.cache = PrefixCache("model-f16", self.sequences)
        self.prompt = Engine(self.backend).prompt

    def fill(self, prompt: TokenizedPrompt, adapters: AdapterKey = ()) -> None:
        sequence = self.sequences.create()
        while sequence is None:
            assert self.cache.evict_one()
            sequence = self.sequences.create()
        position = 0
        for end in prompt.tier_ends:
            self.backend.decode([Span(sequence, position, prompt.ids[position:end], False)], ())
            self.sequences.extended(sequence, end - position)
            self.cache.park(prompt, adapters, end, sequence)
            position = end
        self.sequences.drop(sequence)

    def matched(self, prompt: TokenizedPrompt, adapters: AdapterKey = ()) -> int:
        found = self.cache.match(prompt, adapters, len(prompt.ids))
        return found.num_tokens if found else 0


def test_the_deepest_prefix_is_found() -> None:
    cache = Cache()
    maya = cache.prompt("maya", ["one"])
    assert cache.matched(maya) == 0
    cache.fill(maya)
    assert cache.matched(maya) == maya.history
    assert cache.matched(cache.prompt("maya", ["one", "two"])) == maya.history
    assert cache.matched(cache.prompt("maya", ["other"])) == maya.persona
    assert cache.matched(cache.prompt("leo", ["one"])) == maya.shared
    assert cache.matched(cache.prompt("leo", shared="other")) == 0


def test_another_adapter_set_finds_nothing() -> None:
    cache = Cache()
    maya = cache.prompt("maya", ["one"])
    cache.fill(maya)
    assert cache.matched(maya, ADAPTED) == 0
    cache.fill(maya, ADAPTED)
    assert cache.matched(maya, ADAPTED) == cache.matched(maya) == maya.history
    assert cache.matched(maya, (("a@1", 0.5),)) == 0


def test_a_whole_prompt_is_matched_only_where_it_may_be() -> None:
    cache = Cache()
    settled = cache.prompt("maya", ["one"], "")
    cache.fill(settled)
    assert cache.cache.match(settled, (), len(settled.ids) + 1) is not None
    assert cache.matched(settled) == settled.persona


def test_longer_history_replaces_the_shorter_but_not_one_in_use() -> None:
    cache = Cache()
    cache.fill(cache.prompt("maya", ["one"]))
    first = cache.cache.match(cache.prompt("maya", ["one"]), (), 99)
    assert first is not None
    cache.cache.hold(first)
    cache.fill(cache.prompt("maya", ["one", "two"]))
    assert cache.cache.num_by_kind()["history"] == 2
    cache.cache.release(first)
    assert cache.cache.num_by_kind() == {"shared": 1, "persona": 1, "history": 1, "draft": 0}
    cache.fill(cache.prompt("maya", ["one", "two", "three"]))
    assert cache.cache.num_by_kind()["history"] == 1


def test_two_rooms_keep_two_histories() -> None:
    cache = Cache()
    rooms = [cache.prompt("maya", [room, "hello"]) for room in ("kitchen", "garden")]
    for room in rooms:
        cache.fill(room)
    assert [cache.matched(room) for room in rooms] == [room.history for room in rooms]


def test_the_oldest_leaf_goes_first_and_the_shared_head_last() -> None:
    cache = Cache()
    prompts = {p: cache.prompt(p, ["one"]) for p in ("maya", "leo", "ines")}
    for prompt in prompts.values():
        cache.fill(prompt)
    cache.matched(prompts["maya"])
    left = []
    while cache.cache.evict_one():
        left.append([cache.matched(p) for p in prompts.values()])
        # Asking made all of them young again; make maya the youngest.
        for p in ("leo", "ines", "maya"):
            cache.matched(prompts[p])
    m, o = prompts["maya"], prompts["leo"]
    assert left[0] == [m.history, o.persona, prompts["ines"].history]
    assert left[-2] == [m.shared, m.shared, m.shared]
    assert left[-1] == [0, 0, 0]
    assert cache.sequences.num_cells_used == 0


def test_what_is_in_use_stays() -> None:
    cache = Cache()
    maya = cache.prompt("maya", ["one"])
    cache.fill(maya)
    parked = cache.cache.match(maya, (), 99)
    assert parked is not None
    cache.cache.hold(parked)
    cache.cache.clear()
    assert cache.cache.num_by_kind() == {"shared": 1, "persona": 1, "history": 1, "draft": 0}
    cache.cache.release(parked)
    cache.cache.clear()
    assert cache.sequences.num_free == 16


def test_without_a_free_id_the_oldest_makes_room_or_nothing_is_parked() -> None:
    cache = Cache(sequences=4)
    for persona in ("maya", "leo", "ines"):
        cache.fill(cache.prompt(persona, ["one"]))
    assert sum(cache.cache.num_by_kind().values()) <= 4
    assert cache.cache.num_by_kind()["shared"] == 1
    tiny = Cache(sequences=1)
    tiny.fill(tiny.prompt("maya", ["one"]))
    assert sum(tiny.cache.num_by_kind().values()) == 0
