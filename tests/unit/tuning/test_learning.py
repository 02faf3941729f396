"""Given sentences with codes, when a voice is learnt, then they are foreseen better, and nothing is lost."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="voices are made with torch")

from sensorium.bundles.catalogue import Bundle  # noqa: E402
from sensorium.clock import ManualClock  # noqa: E402
from sensorium.errors import BadInput  # noqa: E402
from sensorium.inference.speaking import SpeechTokens  # noqa: E402
from sensorium.tuning import decoder  # noqa: E402
from sensorium.tuning.decoder import Decoder  # noqa: E402
from sensorium.tuning.learning import TEXT_WEIGHT, Learner, Settings, is_code, make_batch  # noqa: E402
from sensorium.tuning.script import Sentence, Sound, interleave  # noqa: E402

SPEECH = SpeechTokens(open=16, close=23, first_code=1536, groups=2, codes_per_group=1000)
BEGIN, SELF, END = 1, 9, 2
SETTINGS = Settings(rank=4, alpha=8.0, rate=2e-2, tokens_per_step=256, num_epochs=6, max_seconds=60.0, seed=3)


@pytest.fixture(scope="module")
def mind(speaking_bundle: Bundle) -> Decoder:
    return decoder.load(Path(speaking_bundle.folder) / "mind.gguf")


def sentences(count: int = 40) -> list[Sentence]:
    """Each word of six has its own sound."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(count):
        words = [[330 + int(w)] for w in rng.integers(0, 6, rng.integers(2, 5))]
        codes = [np.array([[w[0], 2 * w[0] % 997], [7, w[0]]]) for w in words]
        sounds = [[Sound(1440 + w[0] % 60, c)] for w, c in zip(words, codes, strict=True)]
        plain = [BEGIN, SELF, *(w[0] for w in words), END]
        ids = [*plain, *interleave(SPEECH, [*words, [END]], sounds)]
        made.append(Sentence(f"sentence of {len(words)}", np.array(ids, np.int32), len(plain)))
    return made


class SteppingClock(ManualClock):
    """A look at it takes a second."""

    def now_s(self) -> float:
        self.advance(1.0)
        return super().now_s()


def run(learner: Learner, num_steps: int, clock: ManualClock) -> None:
    for _ in range(num_steps):
        learner.step(clock)


def test_what_counts_is_behind_the_invocation() -> None:
    given = sentences(2)
    batch = make_batch(SPEECH, given, None)
    for row, sentence in enumerate(given):
        weights = batch.weights[row].numpy()
        at, end = sentence.speak_at, len(sentence.ids)
        assert weights[: at + 1].tolist() == [0.0] * (at + 1) and not weights[end:].any()
        spoken = sentence.ids[at + 1 :]
        wanted = [1.0 if i >= SPEECH.first_code else TEXT_WEIGHT for i in spoken.tolist()]
        assert weights[at + 1 : end].tolist() == pytest.approx(wanted)
        acts = batch.acts[row].numpy()
        assert acts[at:end].all() and not acts[:at].any() and not acts[end:].any()
    assert torch.equal(batch.ids, batch.read)


def test_some_codes_are_read_wrong_but_never_words_and_never_in_another_group() -> None:
    given = sentences(200)
    batch = make_batch(SPEECH, given, np.random.default_rng(0))
    ids, read = batch.ids.numpy(), batch.read.numpy()
    wrong = ids != read
    codes = is_code(SPEECH, ids)
    assert 0.015 < wrong.sum() / codes.sum() < 0.045
    assert not wrong[~codes].any()
    assert (((ids - 1536) // 1000)[wrong] == ((read - 1536) // 1000)[wrong]).all()


def test_a_voice_reads_what_it_would_have_said_in_place_of_some_codes(mind: Decoder) -> None:
    learner = Learner(mind, SPEECH, sentences(), SETTINGS)
    batch = make_batch(SPEECH, sentences(20), None)
    read = learner._with_own_codes(batch, np.random.default_rng(0)).read
    changed = (read != batch.read).numpy()
    codes = is_code(SPEECH, batch.ids.numpy())
    # Half of up to 90 % are taken, and nearly none of them is foreseen yet.
    assert 0.2 < changed.sum() / codes.sum() < 0.7
    assert not (changed & ~codes).any()
    group = (read - SPEECH.first_code) // SPEECH.codes_per_group
    assert torch.equal(group[changed], ((batch.ids - SPEECH.first_code) // SPEECH.codes_per_group)[changed])


def test_a_voice_is_learnt_and_the_best_state_kept(mind: Decoder) -> None:
    learner = Learner(mind, SPEECH, sentences(), SETTINGS._replace(rank=16, num_epochs=30))
    before = {name: up.clone() for name, up in learner.lora.up.items()}
    clock = ManualClock()
    while not learner.done:
        learner.step(clock)
    progress = learner.progress
    assert progress.step == progress.num_steps
    assert progress.best.loss < 0.6 * progress.first.loss
    assert progress.best.right > progress.first.right + 0.2
    assert progress.best.loss <= progress.newest.loss
    assert all(not torch.equal(up, before[name]) for name, up in learner.lora.up.items())
    assert len(learner.held_out) == 2


def test_what_was_put_aside_is_gone_on_with_as_if_nothing_had_been(mind: Decoder) -> None:
    given, clock = sentences(), ManualClock()
    whole = Learner(mind, SPEECH, given, SETTINGS)
    run(whole, 12, clock)
    first = Learner(mind, SPEECH, given, SETTINGS)
    run(first, 5, clock)
    second = Learner(mind, SPEECH, given, SETTINGS._replace(max_seconds=90.0))
    second.restore(first.to_bytes())
    assert second.progress.step == 5
    run(second, 7, clock)
    assert second.progress.loss == pytest.approx(whole.progress.loss, rel=1e-4)
    assert second.progress.best == pytest.approx(whole.progress.best, rel=1e-4)


def test_time_ends_it(mind: Decoder) -> None:
    learner = Learner(mind, SPEECH, sentences(), SETTINGS._replace(max_seconds=8.0))
    clock = SteppingClock()
    while not learner.done:
        learner.step(clock)
    assert 0 < learner.progress.step < learner.progress.num_steps
    assert learner.progress.seconds >= 8.0
    # what was learnt when the time was over was measured
    assert learner.progress.newest != learner.progress.first


@pytest.mark.parametrize("change", ["recordings", "rank", "damage", "nothing", "text"])
def test_what_does_not_belong_together_is_refused(mind: Decoder, change: str) -> None:
    given = sentences(8)
    data = Learner(mind, SPEECH, given, SETTINGS).to_bytes()
    other = Learner(
        mind,
        SPEECH,
        sentences(9) if change == "recordings" else given,
        SETTINGS._replace(rank=2 if change == "rank" else SETTINGS.rank),
    )
    data = {"damage": data[: len(data) // 2], "nothing": b"", "text": b"this is a diary"}.get(change, data)
    before = other.progress
    with pytest.raises(BadInput, match="put aside"):
        other.restore(data)
    assert other.progress[:3] == before[:3] and math.isnan(other.progress.loss)


def test_every_sentence_is_read_once_in_each_round(mind: Decoder) -> None:
    learner = Learner(mind, SPEECH, sentences(), SETTINGS)
    per_round = learner.num_steps // SETTINGS.num_epochs
    rounds = []
    for first in (0, per_round):
        read = []
        for step in range(first, first + per_round):
            learner._step = step
            read.append([id(s) for s in learner._chosen()])
        rounds.append(read)
        assert sorted(i for bin_ in read for i in bin_) == sorted(id(s) for s in learner._learnt)
        assert all(read)
    assert rounds[0] != rounds[1]


def test_what_the_model_cannot_read_or_hold_is_refused(mind: Decoder) -> None:
    long = sentences(3)
    long[1] = long[1]._replace(ids=np.resize(long[1].ids, mind.max_tokens + 1))
    with pytest.raises(BadInput, match="the model reads 2048"):
        Learner(mind, SPEECH, long, SETTINGS)
    with pytest.raises(BadInput, match="rank 65"):
        Learner(mind, SPEECH, sentences(3), SETTINGS._replace(rank=65))


def test_one_sentence_is_too_little(mind: Decoder) -> None:
    with pytest.raises(BadInput, match="1 recordings"):
        Learner(mind, SPEECH, sentences(1), SETTINGS)
