"""A smoke run of the whole road: draw, train a few steps, go on from the checkpoint, export, verify, mark."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("onnx", reason="the extra `train` is not installed")

import torch
from training.eye.data import batch, batches
from training.eye.evaluate import COLUMNS, SETS, examples, found, score, torch_sights
from training.eye.export import Shipped, export, rounded, verify
from training.eye.model import CELLS, PRESENT_FROM, Eye, peaks
from training.eye.pictures import draw
from training.eye.scenes import COLOURS, LOOKS, Scene, draw_scene
from training.eye.train import PRESETS, Plan, build, learning_rate, load, start, train

from sensorium.bundles.catalogue import find
from sensorium.vision import encoder
from sensorium.vision.encoder import MAX_THINGS, PICTURE_SIDE, Thing

CIRCLE = Thing("circle", "", "red", 0.2, 0.2, 0.2, 1.0)
SIX = Thing("number", "six", "blue", 0.8, 0.3, 0.3, 1.0)
FACE = Thing("face", "sad", "green", 0.5, 0.8, 0.3, 1.0)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pictures():
    layout = random.Random(0)
    return draw([draw_scene(layout) for _ in range(6)], np.random.default_rng(0))


@pytest.mark.slow
def test_smoke_run_trains_resumes_exports_and_the_file_sees_as_torch_does(tmp_path, pictures):
    plan = PRESETS["smoke"]
    train(plan, tmp_path, resume=False, stop_at=2)
    run = train(plan, tmp_path, resume=True)
    assert run.step == plan.steps
    assert run.num_pictures == plan.steps * plan.batch_size
    again = load(tmp_path / "last.pt", plan)
    assert (again.step, again.num_pictures) == (run.step, run.num_pictures)
    for one, two in zip(run.average.parameters(), again.average.parameters(), strict=True):
        assert torch.equal(one, two)
    eye = rounded(again.average)
    export(eye, tmp_path / "eye.onnx", steps=again.step)
    assert verify(eye, tmp_path / "eye.onnx", pictures) < 1e-3
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "look" in row] == [2, 4]


def test_a_few_steps_on_the_same_pictures_bring_the_loss_down():
    from training.eye.train import _step

    run = start(Plan(steps=100, warmup_steps=1, peak_lr=2e-3))
    made = next(batches(1, 8))
    first = _step(run, Plan(steps=100, warmup_steps=1, peak_lr=2e-3), made)
    for _ in range(10):
        last = _step(run, Plan(steps=100, warmup_steps=1, peak_lr=2e-3), made)
    assert all(last[name] < first[name] for name in ("heat", "look", "colour", "place"))


def test_folded_and_rounded_the_eye_is_nearly_the_same(pictures):
    torch.manual_seed(0)
    eye = build()
    eye(torch.from_numpy(pictures))  # gives the norms something to remember
    eye.eval()
    with torch.no_grad():
        whole, folded = (e(torch.from_numpy(pictures)) for e in (eye, rounded(eye)))
    torch.testing.assert_close(folded.heat, whole.heat, atol=2e-2, rtol=2e-2)
    torch.testing.assert_close(folded.whole, whole.whole, atol=2e-2, rtol=2e-2)


def test_targets_are_where_the_things_are(pictures):
    scenes = [Scene((CIRCLE, FACE, SIX), "plain"), Scene((), "plain"), Scene((SIX,), "grain")]
    made = batch(scenes, pictures[:3], np.random.default_rng(0))
    assert made.num_things.tolist() == [3, 0, 1]
    assert [LOOKS[i] for i in made.looks] == [t[:2] for t in (CIRCLE, FACE, SIX, SIX)]
    assert [COLOURS[i] for i in made.colours] == ["red", "green", "blue", "blue"]
    assert made.heat[1].max() < 0.01
    rows, inside = np.divmod(made.cells, CELLS * CELLS)
    assert rows.tolist() == [0, 0, 0, 2]
    for (down, across), place in zip(np.transpose(np.divmod(inside, CELLS)), made.places, strict=True):
        assert abs((across + 0.5) / CELLS - place[0]) < 0.1
        assert abs((down + 0.5) / CELLS - place[1]) < 0.1


def test_the_heat_of_a_true_centre_is_a_peak_and_its_neighbours_are_not():
    """given any layout, when the targets themselves are taken for heat, then there is one peak a thing"""
    layout = random.Random(3)
    scenes = [draw_scene(layout) for _ in range(200)]
    made = batch(scenes, np.zeros((200, 1, 1, 3), np.uint8), np.random.default_rng(0))
    heat = torch.from_numpy(made.heat).clamp(1e-4, 1 - 1e-4).logit()
    hottest, _ = peaks(heat)
    assert (hottest > PRESENT_FROM).sum(1).tolist() == made.num_things.tolist()


def test_slots_come_from_left_to_right_and_empty_ones_are_zero(pictures):
    torch.manual_seed(1)
    eye = build().eval()
    with torch.no_grad():
        eye.heat.bias.fill_(0.3)
        embeddings, present, looks, colours, places, _ = Shipped(eye)(torch.from_numpy(pictures))
    assert embeddings.shape == (6, 1 + MAX_THINGS, 128)
    assert looks.shape == (6, MAX_THINGS, len(LOOKS))
    assert colours.shape == (6, MAX_THINGS, len(COLOURS))
    assert present.any()
    for there, xs, rows in zip(present, places[..., 0], embeddings[:, 1:], strict=True):
        count = int(there.sum())
        assert there.tolist() == [True] * count + [False] * (MAX_THINGS - count)
        assert xs[:count].tolist() == sorted(xs[:count].tolist())
        assert not rows[count:].any()


def test_the_learning_rate_ends_with_the_steps_or_with_the_minutes():
    plan = Plan(steps=1_000, warmup_steps=10, max_minutes=2)
    assert learning_rate(plan, 10, 0.0) == pytest.approx(plan.peak_lr, rel=0.01)
    assert learning_rate(plan, 1_000, 30.0) == pytest.approx(plan.peak_lr * 0.005)
    assert learning_rate(plan, 100, 120.0) == pytest.approx(plan.peak_lr * 0.005)
    assert learning_rate(plan, 500, 10.0) == pytest.approx(learning_rate(plan, 100, 60.0))
    assert math.isinf(Plan(steps=1).max_minutes)


def test_training_ends_when_the_minutes_are_over(tmp_path):
    plan = Plan(steps=1_000_000, batch_size=2, max_minutes=1e-6)
    assert train(plan, tmp_path, resume=False).step == 1


def test_the_exam_is_the_same_every_time_and_not_what_training_draws():
    scenes, first = examples(SETS[0], 4)
    again, second = examples(SETS[0], 4)
    assert scenes == again
    np.testing.assert_array_equal(first, second)
    trained = {t for _, made in zip(range(20), batches(Plan(steps=1).seed, 48), strict=False)
               for t in map(tuple, made.places.tolist())}  # fmt: skip
    assert not trained & {tuple(np.float32([t.x, t.y, t.size]).tolist()) for s in scenes for t in s.things}


def test_marks_are_full_for_the_truth_and_fall_with_every_kind_of_mistake():
    truth = [Scene((CIRCLE, FACE, SIX), "plain")]
    assert score(truth, [truth[0].things]) == dict.fromkeys(COLUMNS, 1.0)
    wrong = {
        ("kind", "shape", "scene"): (CIRCLE._replace(kind="oval"), FACE, SIX),
        ("kind", "digit", "scene"): (CIRCLE, FACE, SIX._replace(detail="nine")),
        ("kind", "face", "scene"): (CIRCLE, FACE._replace(detail="calm"), SIX),
        ("colour", "scene"): (CIRCLE, FACE._replace(colour="grey"), SIX),
        ("count", "scene"): (CIRCLE, FACE, SIX, CIRCLE._replace(x=0.9, y=0.9)),
    }
    for columns, seen in wrong.items():
        shares = score(truth, [seen])
        assert {name for name, share in shares.items() if share < 1} == set(columns)


def test_relations_are_marked_by_places():
    left, right = CIRCLE._replace(x=0.40, y=0.5), SIX._replace(x=0.55, y=0.5)
    moved = [left._replace(y=0.56), right._replace(x=0.42, y=0.45)]
    assert score([Scene((left, right), "plain")], [moved])["relation"] == 0.0


def test_each_thing_seen_is_found_once():
    near = CIRCLE._replace(x=0.24)
    assert found([CIRCLE, SIX], [near]) == [near, None]
    assert found([CIRCLE, near], [CIRCLE]) == [CIRCLE, None]
    assert found([], [CIRCLE]) == []


def test_torch_sights_are_things(pictures):
    eye = build().eval()
    with torch.no_grad():
        eye.heat.bias.fill_(0.5)
    sights = torch_sights(eye, pictures)
    assert len(sights) == 6
    assert all(isinstance(t, Thing) and t[:2] in LOOKS for sight in sights for t in sight)


def test_the_shipped_eye_is_the_one_that_this_code_makes():
    """Other looks or colours need a new eye: python -m training.eye.train, then training.eye.export."""
    bundle = find("nano")
    if "eye" not in bundle.files:
        pytest.skip("nano has no eye yet")
    eye = encoder.Eye.load(bundle.file("eye"))
    assert eye.looks == tuple(":".join(look).rstrip(":") for look in LOOKS)
    assert eye.colours == COLOURS
    assert Eye(len(LOOKS), len(COLOURS)).count.out_features == 1 + MAX_THINGS
    assert CELLS * 8 == PICTURE_SIDE
