"""The training program: the model's arithmetic, and a tiny run that learns, is resumed and exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip(
    "torch", reason="training needs torch, which is not in the test group (extra: train)"
)
pytest.importorskip("gguf", reason="exporting needs the gguf package")

from training.mind.batches import Diet, batches  # noqa: E402
from training.mind.mind_file import load_mind, read_gguf, write_gguf  # noqa: E402
from training.mind.model import BLOCK, Mind, Shape, Sought, causal_attention, pair_swap  # noqa: E402
from training.mind.train import PRESETS, Run, learning_rate, losses_of, to_device  # noqa: E402
from training.mind.vocabulary import SIZE  # noqa: E402
from training.muon import orthogonal  # noqa: E402

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
    one, two = (list(batches(3, diet, num_steps=4)) for _ in range(2))
    assert len(one) == 4
    for a, b in zip(one, two, strict=True):
        assert (a[0] == b[0]).all() and a[0].shape == a[1].shape and a[0].size <= 2_048


def test_the_learning_rate_rises_stays_and_falls() -> None:
    preset = replace(SMOKE, num_steps=100, warmup_steps=10)
    rates = [learning_rate(step, preset) for step in range(100)]
    assert rates[0] < rates[9] <= rates[10] == rates[40] == 1.0
    assert rates[99] < 0.1


def test_a_smoke_run_learns_is_resumed_and_exported(tmp_path: Path) -> None:
    device = torch.device("cpu")
    run = Run("smoke", replace(SMOKE, exam_every=1_000, num_steps=24), 1, device, tmp_path)
    fed = list(batches(1, SMOKE.diet, 24))
    seen = to_device(fed[0], device)
    before = losses_of(run.model, seen).total.item()
    for batch in fed:
        run.one_step(batch)
    run.save()
    assert losses_of(run.model, seen).total.item() < 0.95 * before

    again = Run("smoke", replace(SMOKE, num_steps=28), 1, device, tmp_path)
    again.load()
    assert again.step == 24
    again.train(log_every=1)
    assert again.step == 28
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
