"""Every part of `bench parts` measured once or twice, with a small mind of random weights that can speak."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sensorium.bench import parts, random_gguf, speaking
from sensorium.bundles import catalogue
from sensorium.bundles.catalogue import Bundle


@pytest.fixture(scope="module")
def nano() -> Bundle:
    return catalogue.find("nano")


@pytest.fixture(scope="module")
def speaking_bundle(tmp_path_factory: pytest.TempPathFactory, nano: Bundle) -> Bundle:
    folder = tmp_path_factory.mktemp("speaking")
    random_gguf.write_bundle(folder, codes_per_group=1_000)
    shutil.copy(nano.file("codec"), folder / "codec.onnx")
    return catalogue.find(str(folder))


def test_the_ear_is_measured_on_the_recorded_questions(nano: Bundle) -> None:
    figure = parts.ear(nano, rounds=1)

    num_chunks = sum(-(-len(sound) // 1280) for sound in parts.questions())
    assert len(figure.values) == num_chunks > 100
    assert all(value > 0 for value in figure.values)


def test_codec_and_eye_are_measured(nano: Bundle) -> None:
    for figure in (parts.codec(nano, mouths=2), parts.eye(nano, looks=2)):
        assert len(figure.values) == 2 and all(value > 0 for value in figure.values)


def test_a_bundle_without_a_part_says_so(nano: Bundle) -> None:
    bare = type(nano)(
        name="bare", version="", licence="", source="", context_tokens=1, prompt={}, files={}
    )  # fmt: skip

    assert parts.ear(bare).why == "bundle bare has no ear and no senses"
    assert not parts.codec(bare).values and not parts.eye(bare).values


def test_a_mind_that_only_writes_is_not_measured(tmp_path: Path) -> None:
    bundle = catalogue.find(str(random_gguf.write_bundle(tmp_path)))
    if bundle.speech is not None:
        bundle = type(bundle)(**{f: getattr(bundle, f) for f in bundle.__struct_fields__} | {"speech": None})

    figures, settings = speaking.measure(bundle, tmp_path)

    assert [figure.values for figure in figures] == [(), (), ()]
    assert all("does not speak" in figure.why for figure in figures) and settings == {}


def test_a_mind_that_speaks_is_measured_with_voices(speaking_bundle: Bundle, tmp_path: Path) -> None:
    speech = speaking_bundle.speech
    assert speech is not None
    voices = speaking._voices(speaking_bundle, tmp_path, speech)
    with speaking._opened(speaking_bundle, speech) as mind:
        for path in voices:
            assert mind.adapters.register(path.stem, path) > 0
        rtf = speaking.speech_rtf(mind, turns=1)
        paging = speaking.paging(mind, voices, pagings=4)
        swap = speaking.swap(mind, [path.stem for path in voices])

    assert len(rtf.values) == 1 and rtf.values[0] > 0
    assert len(paging.values) == 4 and all(value > 0 for value in paging.values)
    assert list(swap.values) == [0, 0, 0, 0]


def test_voices_act_on_the_speech_that_is_swapped(speaking_bundle: Bundle, tmp_path: Path) -> None:
    """Else a swap that costs nothing would show nothing."""
    assert speaking_bundle.speech is not None
    voices = speaking._voices(speaking_bundle, tmp_path, speaking_bundle.speech)
    with speaking._opened(speaking_bundle, speaking_bundle.speech) as mind:
        mind.adapters.register("a", voices[0])
        plain = mind.speak(*mind.ask(0), speech_tokens=12)
        adapted = mind.speak(*mind.ask(0), "a", 12)

    assert plain.usage.adapted_tokens == 0 < adapted.usage.adapted_tokens
    assert plain.usage.speech_tokens == adapted.usage.speech_tokens == 12


def test_one_core_is_used_and_all_are_given_back() -> None:
    allowed = os.sched_getaffinity(0)
    with parts.one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == allowed
