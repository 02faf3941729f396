"""The training program: the model's arithmetic, and a tiny run that learns, is resumed and exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="training needs torch, which is not in the test group (extra: train)"
)
pytest.importorskip("gguf", reason="exporting needs the gguf package")

from training.mind.batches import Batch, Diet, steps  # noqa: E402
from training.mind.heard import Bank  # noqa: E402
from training.mind.losses import Banks, losses_of, to_device, with_own_codes  # noqa: E402
from training.mind.mind_file import load_mind, read_gguf, write_gguf  # noqa: E402
from training.mind.model import (  # noqa: E402
    BLOCK,
    EYE_WIDTH,
    Given,
    Mind,
    Senses,
    Shape,
    Sought,
    causal_attention,
    pair_swap,
)
from training.mind.pictures import PictureBank  # noqa: E402
from training.mind.render import MAX_TARGETS, SHOWN  # noqa: E402
from training.mind.train import PRESETS, Run, learning_rate  # noqa: E402
from training.mind.vocabulary import CODES_PER_GROUP, FIRST_CODE, SIZE  # noqa: E402
from training.muon import orthogonal  # noqa: E402

from sensorium.speech.codec import to_levels  # noqa: E402

SMOKE = PRESETS["smoke"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_a_later_token_changes_no_earlier_state() -> None:
    torch.manual_seed(0)
    mind = Mind(Shape(50, width=64, num_layers=2, num_heads=4, head_width=16, hidden=48))
    ids = torch.randint(0, 50, (1, 12))
    changed = ids.clone()
    changed[0, -1] = (ids[0, -1] + 1) % 50
    with torch.no_grad():
        assert torch.allclose(mind.states(ids)[0, :-1], mind.states(changed)[0, :-1], atol=1e-6)


def test_attention_in_blocks_is_attention() -> None:
    torch.manual_seed(0)
    time = 2 * BLOCK + 17
    q, k, v = (torch.randn(2, 3, time, 8) for _ in range(3))
    later = torch.full((time, time), float("-inf")).triu(1)
    weights = (q @ k.transpose(2, 3) * 8**-0.5 + later).softmax(-1)
    assert torch.allclose(causal_attention(q, k, v), weights @ v, atol=1e-5)


def test_what_is_attended_is_the_sum_over_the_places_shown() -> None:
    torch.manual_seed(0)
    sought = Sought(torch.randn(2, 3, 9, 8), torch.randn(2, 3, 9, 8))
    later = torch.full((9, 9), float("-inf")).triu(1)
    weights = (sought.queries[:, 1] @ sought.keys[:, 1].transpose(1, 2) * 8**-0.5 + later).softmax(-1)
    rows, positions = torch.tensor([0, 1, 1]), torch.tensor([4, 8, 0])
    attended = sought.attended(1, rows, positions, torch.tensor([[1, 3], [7, -1], [0, -1]])).exp()
    expected = torch.stack([weights[0, 4, 1] + weights[0, 4, 3], weights[1, 8, 7], torch.tensor(1.0)])
    assert torch.allclose(attended, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(24, 40), (40, 24)])
def test_muon_steps_are_nearly_orthogonal(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    singular = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert singular.min() > 0.5 and singular.max() < 1.3


def test_the_rotary_product_turns_neighbouring_pairs() -> None:
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert (x @ pair_swap(4)).tolist() == [-2.0, 1.0, -4.0, 3.0]


def test_batches_are_the_same_for_the_same_seed_and_hold_their_size() -> None:
    diet = Diet(tokens_per_batch=1_024, tokens_per_easy_batch=512, pool_batches=2, max_tokens=512)
    one, two = (list(steps(3, diet, num_steps=4)) for _ in range(2))
    assert len(one) == 4
    for (a,), (b,) in zip(one, two, strict=True):
        assert (a[0] == b[0]).all() and a[0].shape == a[1].shape and a[0].size <= 2_048


def test_the_learning_rate_rises_stays_and_falls() -> None:
    preset = replace(SMOKE, num_steps=100, warmup_steps=10)
    rates = [learning_rate(step, preset) for step in range(100)]
    assert rates[0] < rates[9] <= rates[10] == rates[40] == 1.0
    assert rates[99] < 0.1


def small_mind(num_tokens: int = 50, hidden: int = 48) -> Mind:
    torch.manual_seed(0)
    return Mind(Shape(num_tokens, width=64, num_layers=2, num_heads=4, head_width=16, hidden=hidden))


@torch.no_grad()
def test_a_grown_mind_thinks_the_same() -> None:
    mind = small_mind()
    ids = torch.randint(0, 50, (2, 9))
    grown = mind.grown(replace(mind.shape, num_tokens=70, hidden=96))
    states = grown.states(ids)
    assert torch.allclose(states, mind.states(ids), atol=1e-6)
    assert torch.allclose(grown.logits(states)[..., :50], mind.logits(states), atol=1e-6)


@pytest.mark.parametrize("change", [{"num_layers": 3}, {"hidden": 32}, {"num_tokens": 40}])
def test_a_mind_grows_in_tokens_and_hidden_width_only(change: dict[str, int]) -> None:
    mind = small_mind()
    with pytest.raises(ValueError, match="mind can"):
        mind.grown(replace(mind.shape, **change))


@torch.no_grad()
def test_what_is_given_is_read_in_place_of_the_token() -> None:
    # given the embedding of another token at one place
    mind = small_mind()
    ids = torch.randint(0, 50, (2, 9))
    other = ids.clone()
    other[1, 4] = (ids[1, 4] + 7) % 50
    given = Given(torch.tensor([1]), torch.tensor([4]), mind.embedding.weight[other[1, 4]][None])
    assert torch.allclose(mind.states(ids, given), mind.states(other), atol=1e-6)


@torch.no_grad()
def test_a_word_that_the_ear_is_sure_of_is_read_as_if_it_were_written() -> None:
    mind = small_mind()
    tokens, shares = torch.tensor([[7, 3], [9, 4]]), torch.tensor([[1.0, 0.0], [0.75, 0.25]])
    sure, doubtful = mind.expected(tokens, shares)
    assert torch.equal(sure, mind.embedding.weight[7])
    assert torch.allclose(doubtful, 0.75 * mind.embedding.weight[9] + 0.25 * mind.embedding.weight[4])


def test_heard_words_are_read_from_the_bank_and_codes_now_and_then_wrong() -> None:
    ids = np.array([[1, 500, 501, FIRST_CODE + 5, FIRST_CODE + CODES_PER_GROUP + 5] + [FIRST_CODE + 7] * 200])
    shown = {kind: np.zeros((0, 2 + MAX_TARGETS), np.int32) for kind in SHOWN}
    heard = np.array([[0, 1], [0, 2]], np.int32)
    seen = np.array([[0, 0, 4, 1]], np.int32)
    batch = Batch(ids.astype(np.int16), np.ones(ids.shape, np.uint8), shown, heard, seen)
    # given a bank that knows only one of the two words
    firsts = np.where(np.arange(SIZE + 1) > 501, 3, 0)
    bank = Bank(np.full((3, 2), 501, np.int16), np.full((3, 2), 0.5, np.float16), firsts)
    pictures = PictureBank(
        np.arange(5 * 5 * EYE_WIDTH).reshape(5, 5, EYE_WIDTH).astype(np.float16),
        np.zeros((5, 4, 2), np.int8),
        np.zeros((5, 4, 3), np.float16),
    )
    # when
    put = to_device(batch, torch.device("cpu"), Banks(bank, pictures), seed=3)
    # then the other is read as text
    assert put.sensed is not None
    assert put.sensed.heard_at.tolist() == [[0, 2]] and (put.sensed.tokens == 501).all()
    # and what is seen is that row of that picture
    assert put.sensed.seen_at.tolist() == [[0, 0]]
    assert put.sensed.embeddings.tolist() == pictures.embeddings[4, 1][None].tolist()
    mind = small_mind(SIZE)
    given = put.sensed.given(mind, Senses(64))
    assert given.positions.tolist() == [2, 0] and given.vectors.shape == (2, 64)
    assert torch.allclose(given.vectors[0], mind.embedding.weight[501])
    # and wrong codes are of the same group, only read, not asked for
    assert put.ids.tolist() == ids.tolist()
    changed = put.read != put.ids
    assert 2 <= changed.sum() <= 80 and not changed[0, :3].any()
    groups = (put.read[0, 3:] - FIRST_CODE) // CODES_PER_GROUP
    assert groups.tolist() == ((ids[0, 3:] - FIRST_CODE) // CODES_PER_GROUP).tolist()
    # and most of them sound nearly alike
    sounds = [
        to_levels(np.stack([codes - FIRST_CODE, codes * 0], -1))[:, :4]
        for codes in (put.read[0, 5:].numpy(), ids[0, 5:])
    ]
    far = np.abs(sounds[0] - sounds[1]).max(-1) > 0.51
    assert far.sum() < 0.4 * changed.sum()


def test_now_and_then_the_mind_reads_what_it_would_have_said() -> None:
    ids = np.array([[1, 9, 500, 2, *[FIRST_CODE + 7, FIRST_CODE + CODES_PER_GROUP + 8] * 60]] * 4)
    shown = {kind: np.zeros((0, 2 + MAX_TARGETS), np.int32) for kind in SHOWN}
    none = np.zeros((0, 2), np.int32)
    batch = Batch(ids.astype(np.int16), np.ones(ids.shape, np.uint8), shown, none, np.zeros((0, 4), np.int32))
    mind, senses = small_mind(SIZE), Senses(64)
    put = to_device(batch, torch.device("cpu"), seed=3)
    # when
    own = with_own_codes(mind, senses, put, seed=3)
    # then what is asked for stays, and each code that is read otherwise is the likeliest of its group
    assert torch.equal(own.ids, put.ids) and torch.equal(own.read[:, :4], put.read[:, :4])
    with torch.no_grad():
        logits = mind.logits(mind.states(put.read[:, :-1]))
    changed = (own.read != put.read)[:, 1:].nonzero().tolist()
    assert len(changed) > 40
    for row, position in changed:
        group = (ids[row, position + 1] - FIRST_CODE) // CODES_PER_GROUP
        first = FIRST_CODE + group * CODES_PER_GROUP
        best = first + logits[row, position, first : first + CODES_PER_GROUP].argmax()
        assert own.read[row, position + 1] == best


def test_a_smoke_run_learns_is_resumed_and_exported(tmp_path: Path) -> None:
    device = torch.device("cpu")
    run = Run("smoke", replace(SMOKE, exam_every=1_000, num_steps=60), 1, device, tmp_path)
    fed = list(steps(1, SMOKE.diet, 60))
    seen = [to_device(batch, device) for batch in fed[0]]
    before = [losses_of(run.model, run.senses, batch).total.item() for batch in seen]
    for step in fed:
        run.one_step(step)
    run.save()
    # then it reads and speaks better than it did
    for batch, loss in zip(seen, before, strict=True):
        assert losses_of(run.model, run.senses, batch).total.item() < 0.95 * loss

    again = Run("smoke", replace(SMOKE, num_steps=64), 1, device, tmp_path)
    again.load()
    assert again.step == 60
    again.train(log_every=1)
    assert again.step == 64
    assert '"exam"' in (tmp_path / "smoke" / "log.jsonl").read_text()

    mind = load_mind(tmp_path / "smoke" / "weights.pt")
    write_gguf(mind, tmp_path / "mind.gguf")
    back = read_gguf(tmp_path / "mind.gguf")
    assert back.shape == mind.shape
    for name, value in mind.state_dict().items():
        assert torch.allclose(back.state_dict()[name], value, atol=1e-3), name
    llama_cpp = pytest.importorskip("llama_cpp")
    llama = llama_cpp.Llama(
        str(tmp_path / "mind.gguf"), n_ctx=64, vocab_only=False, verbose=False, n_threads=1
    )
    assert llama.n_vocab() == SIZE
