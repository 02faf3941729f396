"""Voices are made by one command: what is spoken, what is kept when it is stopped, where it goes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="voices are made with torch")
pytest.importorskip("espeakng_loader", reason="it speaks the recordings")

from msgspec.structs import replace  # noqa: E402
from training import voices  # noqa: E402
from training.ear import bundle as shipped  # noqa: E402
from training.espeak import Style  # noqa: E402
from training.mind import vocabulary  # noqa: E402
from training.mind.mind_file import write_gguf  # noqa: E402
from training.mind.model import Mind, Shape  # noqa: E402
from training.world import VOCABULARY  # noqa: E402

from sensorium.bundles.catalogue import BundleFile, find  # noqa: E402
from sensorium.errors import BadInput, NotFound  # noqa: E402
from sensorium.tuning import kept  # noqa: E402
from sensorium.tuning.learning import Settings  # noqa: E402
from sensorium.voices import card  # noqa: E402

QUICK = Settings(rank=2, alpha=4.0, tokens_per_step=300, rate=4e-3, num_epochs=12)


@pytest.fixture(scope="module")
def mind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    tiny = Mind(Shape(vocabulary.SIZE, width=64, num_layers=2, num_heads=4, head_width=16, hidden=96))
    path = tmp_path_factory.mktemp("mind") / "mind.gguf"
    write_gguf(tiny, path)
    return path


@pytest.fixture(scope="module")
def made(mind: Path, tmp_path_factory: pytest.TempPathFactory) -> voices.Job:
    """A voice that was stopped after its first step, and then gone on with."""
    folder = tmp_path_factory.mktemp("maya")
    job = voices.Job("maya", Style("en-us+f3"), folder, minutes=0.6, mind=mind, settings=QUICK)
    asked = iter((False, True))
    assert voices.make(job, lambda: next(asked)) is None
    assert {path.name for path in folder.iterdir()} == {kept.NAME, "recordings"}
    assert voices.make(job, lambda: False) == job.file
    return job


def test_six_personas_or_those_that_are_named_or_all_have_voices(tmp_path: Path) -> None:
    room = voices.jobs_for((), everybody=False, runs=tmp_path)
    assert len(room) == 6 and room[0].name == "maya" and room[0].style == Style("en-us+f3", 165, 58)
    assert room[0].file == tmp_path / "maya" / "maya.gguf"
    assert len(voices.jobs_for((), everybody=True)) == 14
    assert [job.name for job in voices.jobs_for(("vera", "ada"), everybody=False)] == ["vera", "ada"]
    with pytest.raises(NotFound, match="no persona called 'mayo'"):
        voices.jobs_for(("mayo",), everybody=False)


def test_what_is_said_is_known_to_the_ear_and_never_said_twice() -> None:
    known = frozenset(VOCABULARY) - {"tea"}
    said = [" ".join(words) for words in itertools.islice(voices.draw_sentences(1, known), 300)]
    assert len({*said}) == 300
    words = {word for text in said for word in text.split()}
    assert words <= known | {"."} and "tea" not in words
    assert all(text.endswith(" .") for text in said)
    assert said == [" ".join(words) for words in itertools.islice(voices.draw_sentences(1, known), 300)]


def test_a_stopped_voice_is_gone_on_with_and_says_what_it_is(made: voices.Job, mind: Path) -> None:
    written, file = card.read(made.file)
    assert (written.name, written.licence) == ("maya", "Apache-2.0")
    assert written.attribution == "Sensorium project, espeak-ng voice en-us+f3"
    assert "nobody was recorded" in written.consent and written.preview_text.endswith(".")
    assert written.base_sha256 == voices.bundle_with(mind, made.folder.parent).files["mind"].sha256
    assert file.text("adapter.type") == "lora"
    assert [path.name for path in made.folder.iterdir()] == ["maya.gguf"]


def test_a_voice_that_is_made_already_is_not_made_again(
    made: voices.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    before = made.file.stat().st_mtime_ns
    assert voices.make(made, lambda: True) == made.file
    assert made.file.stat().st_mtime_ns == before
    assert "is made already" in capsys.readouterr().out


def test_what_is_kept_of_another_training_is_refused(made: voices.Job, tmp_path: Path) -> None:
    job = made._replace(folder=tmp_path)
    asked = iter((False, True))
    voices.make(job, lambda: next(asked))
    with pytest.raises(BadInput, match="other recordings, settings or another model"):
        voices.make(job._replace(settings=QUICK._replace(rank=3)), lambda: True)
    with pytest.raises(BadInput, match="there is no "):
        voices.make(job._replace(mind=tmp_path / "absent.gguf"), lambda: True)


def test_only_a_voice_of_its_own_mind_goes_into_the_bundle(
    made: voices.Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a bundle of another mind
    (tmp_path / "bundle.toml").write_text('[files.ear]\npath = "x"\nsha256 = ""\n\n[prompt]\nprose = false\n')
    monkeypatch.setattr(shipped, "BUNDLE", tmp_path)
    assert not voices.ship(made)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.toml"]
    # when it is the mind that the voice was made for
    nano = find("nano")
    own = BundleFile(path="mind.gguf", sha256=voices.made_for(made.file))
    monkeypatch.setattr(voices, "find", lambda _: replace(nano, files={**nano.files, "mind": own}))
    assert voices.ship(made) and voices.ship(made)
    # then it lies there and is written down once
    assert (tmp_path / "voices" / "maya.gguf").read_bytes() == made.file.read_bytes()
    text = (tmp_path / "bundle.toml").read_text()
    assert text.count('[voices.maya]\npath = "voices/maya.gguf"\nsha256 = "') == 1
    assert text.endswith("[prompt]\nprose = false\n")
