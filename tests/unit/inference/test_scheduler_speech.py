"""A reply that is written first and then spoken: what is forced, where it ends, whose voice it has."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.inference.conftest import CONFIG, Models
from tests.unit.inference.engine import CODES, SPECIALS, SPEECH, Engine, TimedFake, timed

from sensorium.bench.random_gguf import words
from sensorium.clock import ManualClock
from sensorium.errors import BadInput, ContextFull
from sensorium.inference.backend import Sampler
from sensorium.inference.fake import FakeSampler
from sensorium.inference.jobs import Event, Finished, Said, Spoke
from sensorium.inference.llama import LlamaBackend
from sensorium.inference.scheduler import Limits
from sensorium.request import AdapterUse, Sampling

HI_YOU = Sampling(grammar='root ::= "hi you"')
# What the model wants behind the two words that are put there: codes, and anything else for "go on".
SPOKEN = (CODES[1], CODES[6], "x", CODES[3], CODES[4], "<|done|>")


class Scripted(TimedFake):
    """Where no grammar says otherwise it is sure of the pieces of `script`, then of one frame for ever."""

    def __init__(self, clock: ManualClock, script: tuple[str, ...], cells: int = 4096) -> None:
        super().__init__(clock, cells=cells)
        self._script = [i for p in script for i in ([self.special(p)] if p in SPECIALS else self.tokenize(p))]
        self._for_ever = cycle([self.special(CODES[0]), self.special(CODES[4])])

    def sample(self, sequence: int, sampler: Sampler) -> int:
        assert isinstance(sampler, FakeSampler)
        if sampler.forced is not None:
            return super().sample(sequence, sampler)
        return int(self.logits(sequence).argmax())

    def logits(self, sequence: int) -> NDArray[np.float32]:
        logits = np.zeros_like(super().logits(sequence))  # raises where the last batch left none
        logits[self._script.pop(0) if self._script else next(self._for_ever)] = 20.0
        return logits


def scripted(*script: str, limits: Limits | None = None, cells: int = 4096) -> tuple[Engine, Scripted]:
    clock = ManualClock()
    backend = Scripted(clock, script, cells)
    return Engine(backend, clock, limits, SPEECH), backend


def decoded(backend: TimedFake) -> dict[tuple[AdapterUse, ...], str]:
    """What was computed under which adapters, written out."""
    texts: dict[tuple[AdapterUse, ...], str] = {}
    for spans, adapters in backend.batches:
        pieces = b"".join(backend.piece(t)[0] for span in spans for t in span.tokens)
        texts[adapters] = texts.get(adapters, "") + pieces.decode()
    return texts


def finished(engine: Engine, turn_id: int) -> Finished:
    ended = engine.ended[turn_id]
    assert isinstance(ended, Finished), ended
    return ended


def test_a_reply_is_written_and_then_spoken_in_one_decode() -> None:
    engine, backend = scripted(*SPOKEN)
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20, speech_tokens=40)
    events: list[Event] = []
    while engine.scheduler.has_work:
        events += engine.step()
    assert engine.said[turn] == "hi you"
    assert engine.spoke[turn] == [Spoke(turn, 0, (1, 2)), Spoke(turn, 1, (3, 0))]
    kinds = [type(e) for e in events if isinstance(e, Said | Spoke | Finished)]
    assert kinds == [Said] * 6 + [Spoke] * 2 + [Finished]
    assert finished(engine, turn).reason == "end"
    usage = engine.usage(turn)
    assert (usage.reply_tokens, usage.speech_tokens) == (6, 11)
    assert decoded(backend)[()].endswith(
        "?hi you<|end|><|speak|>hi you<|code_1|><|code_6|><|end|><|code_3|><|code_4|>"
    )
    assert engine.scheduler.totals["speech_tokens"] == 11


def test_a_frame_is_told_in_the_step_that_makes_it_whole() -> None:
    engine, backend = scripted(*SPOKEN)
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20, speech_tokens=40)
    while turn not in engine.spoke:
        engine.step()
    assert decoded(backend)[()].endswith("hi you<|code_1|>")  # the second code is not even computed


@pytest.mark.parametrize("said", [("<|begin|>", "<|end|>"), ("<|end|>",), (" ", "<|end|>")])
def test_silence_is_not_spoken(said: tuple[str, ...]) -> None:
    engine, backend = scripted(*said)
    turn = engine.ask("maya", max_tokens=20, speech_tokens=40)
    engine.run()
    assert finished(engine, turn).reason == "end" and turn not in engine.spoke
    assert engine.usage(turn).speech_tokens == 0
    assert "<|speak|>" not in decoded(backend)[()]


def test_nothing_is_spoken_that_was_not_asked_for() -> None:
    engine, _ = scripted(*SPOKEN)
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20)
    engine.run()
    assert finished(engine, turn).reason == "end" and turn not in engine.spoke
    assert [name for name, _, _ in finished(engine, turn).stages] == ["llm.wait", "llm.prefill", "llm.reply"]


def test_speech_that_runs_away_ends_at_its_bound() -> None:
    engine, backend = scripted(CODES[1], CODES[5])
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20, speech_tokens=15)
    engine.run()
    assert finished(engine, turn).reason == "length" and engine.usage(turn).speech_tokens == 15
    # Behind six letters come four frames and a half; the last code is drawn and not even computed.
    assert engine.spoke[turn] == [Spoke(turn, 0, (1, 1)), *[Spoke(turn, 0, (0, 0))] * 3]
    assert decoded(backend)[()].count("<|code_0|>") == 3


def test_a_bound_inside_the_words_that_are_put_there_holds_too() -> None:
    engine, backend = scripted(*SPOKEN)
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20, speech_tokens=3)
    engine.run()
    assert finished(engine, turn).reason == "length" and engine.usage(turn).speech_tokens == 3
    assert turn not in engine.spoke and decoded(backend)[()].endswith("<|speak|>hi")


def test_a_mind_that_would_say_other_words_says_its_own() -> None:
    """Given wrong words, an end too early and another turn's beginning, then they only mean: go on."""
    said = Sampling(grammar='root ::= "i am so tired"')
    wrong = (CODES[0], CODES[4], "<|end|>", CODES[1], CODES[5], "<|done|>", CODES[2], CODES[6], "<|begin|>")
    engine, backend = scripted(*wrong, CODES[3], CODES[7], "<|done|>")
    turn = engine.ask("maya", sampling=said, max_tokens=20, speech_tokens=90)
    engine.run()
    assert finished(engine, turn).reason == "end"
    assert [(s.word, s.codes) for s in engine.spoke[turn]] == [(i, (i, i)) for i in range(4)]
    assert decoded(backend)[()].endswith(
        "<|speak|>i am<|code_0|><|code_4|> so<|code_1|><|code_5|> tired<|code_2|><|code_6|>"
        "<|end|><|code_3|><|code_7|>"
    )


def test_a_text_that_reaches_its_bound_is_not_spoken() -> None:
    engine, _ = scripted(*SPOKEN)
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=3, speech_tokens=40)
    engine.run()
    assert (engine.said[turn], finished(engine, turn).reason) == ("hi ", "length")
    assert turn not in engine.spoke


@pytest.mark.parametrize("num_steps", [1, 2, 5, 9, 12])
def test_cancel_takes_effect_within_one_step_of_speech_too(num_steps: int) -> None:
    """Behind the text, eight steps put in what is not drawn; then it draws."""
    engine, backend = scripted()
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20, speech_tokens=400)
    while engine.said.get(turn) != "hi you":
        engine.step()
    for _ in range(num_steps):
        engine.step()
    engine.scheduler.cancel(turn)
    num_batches = len(backend.batches)
    engine.step()
    assert finished(engine, turn).reason == "cancelled" and len(backend.batches) == num_batches
    engine.scheduler.prefix_cache.clear()
    assert backend.num_cells_used == engine.scheduler.sequences.num_cells_used == 0


def test_a_voice_acts_from_the_opening_on_and_not_before(fake_adapters: tuple[Path, Path]) -> None:
    uses = (AdapterUse("speaker"),)
    engine, backend = scripted(*SPOKEN)
    engine.adapters.register("speaker", fake_adapters[0].parent / "speaker")
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20, speech_tokens=40, adapters=uses)
    engine.run()
    texts = decoded(backend)
    assert texts[()].endswith("?hi you<|end|>")
    assert texts[uses] == "<|speak|>hi you<|code_1|><|code_6|><|end|><|code_3|><|code_4|>"
    assert engine.usage(turn).adapted_tokens == 12


def test_all_that_invokes_a_voice_is_put_where_speech_opens(tmp_path: Path) -> None:
    # given a voice that is invoked by what opens speech and one more token
    file, speaker = tmp_path / "tagged", "<|phoneme_2|>"
    invocation = f"{SPECIALS.index('<|speak|>')} {SPECIALS.index(speaker)}"
    file.write_text(f"fake adapter from {invocation}: tagged")
    uses = (AdapterUse("tagged"),)
    engine, backend = scripted(*SPOKEN)
    engine.adapters.register("tagged", file)
    # when it speaks
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20, speech_tokens=40, adapters=uses)
    engine.run()
    # then both stand there, and it acts from the last of them on
    texts = decoded(backend)
    assert texts[()].endswith("?hi you<|end|><|speak|>")
    assert texts[uses] == f"{speaker}hi you<|code_1|><|code_6|><|end|><|code_3|><|code_4|>"
    assert finished(engine, turn).reason == "end"


def test_the_last_stage_is_from_the_first_frame_to_the_end() -> None:
    engine, _ = scripted(*SPOKEN)
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=20, speech_tokens=40)
    engine.run()
    *_, reply, speech = finished(engine, turn).stages
    assert (reply[0], speech[0]) == ("llm.reply", "llm.speech")
    # Six letters, two forced tokens, six letters again and a code, two milliseconds each; then four batches.
    assert speech[1] - reply[1] == pytest.approx(0.002 * 15)
    assert reply[2] == speech[2] == engine.clock.now_s()
    assert speech[2] - speech[1] == pytest.approx(0.002 * 4)


@pytest.mark.parametrize("speech_tokens", [-1, 1])
def test_a_mind_that_only_writes_is_not_asked_to_speak(speech_tokens: int) -> None:
    engine, _ = timed()
    with pytest.raises(BadInput):
        engine.ask("maya", speech_tokens=speech_tokens)
    assert not engine.scheduler.has_work


def test_a_number_of_tokens_below_none_is_refused() -> None:
    engine, _ = scripted()
    with pytest.raises(BadInput):
        engine.ask("maya", speech_tokens=-1)


def test_speech_counts_in_what_must_fit() -> None:
    engine, _ = scripted(limits=Limits(context_tokens=100))
    num_prompt = len(engine.prompt("maya").ids)
    with pytest.raises(ContextFull):
        engine.ask("maya", max_tokens=8, speech_tokens=100 - num_prompt - 8 - 1)
    turn = engine.ask("maya", sampling=HI_YOU, max_tokens=8, speech_tokens=100 - num_prompt - 8 - 2)
    engine.run()
    assert finished(engine, turn).reason == "length"


def test_a_turn_waits_until_there_is_room_for_all_that_it_may_speak() -> None:
    engine, backend = scripted(cells=200)
    turns = [
        engine.ask(p, shared=p, sampling=HI_YOU, max_tokens=20, speech_tokens=100) for p in ("maya", "leo")
    ]
    engine.run()
    assert all(finished(engine, turn).reason == "length" for turn in turns)
    assert max(len(spans) for spans, _ in backend.batches) == 1


def test_real_models_speak_too_each_in_its_own_voice_and_together_as_alone(models: Models) -> None:
    said = " " + " ".join(words(3))
    text = Sampling(grammar=f'root ::= "{said}"')
    voices: list[tuple[AdapterUse, ...]] = [(), (AdapterUse("voice"),), ()]

    def spoken(together: bool) -> list[tuple[str, list[Spoke]]]:
        backend = LlamaBackend(models.speaking, CONFIG)
        engine = Engine(backend, speech=SPEECH)
        engine.adapters.register("voice", models.speaking_voice)
        found = []
        for new, uses in zip(words(3), voices, strict=True):
            turn = engine.ask(
                "maya", new=f" {new}", sampling=text, max_tokens=40, speech_tokens=100, adapters=uses
            )
            if not together:
                engine.run()
            found.append(turn)
        engine.run()
        assert all(engine.usage(turn).speech_tokens <= 100 for turn in found)
        assert [bool(engine.usage(turn).adapted_tokens) for turn in found] == [False, True, False]
        backend.close()
        return [
            (engine.said[turn], [s._replace(turn_id=0) for s in engine.spoke.get(turn, [])]) for turn in found
        ]

    alone = spoken(together=False)
    assert [text for text, _ in alone] == [said] * 3
    assert sum(len(frames) for _, frames in alone) > 3
    assert spoken(together=True) == alone


def test_a_voice_changes_the_sound_of_a_real_model_and_not_its_words(models: Models) -> None:
    backend = LlamaBackend(models.speaking, CONFIG)
    engine = Engine(backend, speech=SPEECH)
    engine.adapters.register("voice", models.speaking_voice)
    text = Sampling(grammar=f'root ::= " {" ".join(words(4))}"')
    found = []
    for uses in ((), (AdapterUse("voice"),), ()):
        turn = engine.ask("maya", sampling=text, max_tokens=40, speech_tokens=90, adapters=uses)
        engine.run()
        found.append((engine.said[turn], [(s.word, s.codes) for s in engine.spoke.get(turn, [])]))
        assert engine.usage(turn).cached_tokens == (0 if len(found) == 1 else engine.prompt("maya").history)
    backend.close()
    assert found[0] == found[2] and found[0][0] == found[1][0] and found[0][1] != found[1][1]
