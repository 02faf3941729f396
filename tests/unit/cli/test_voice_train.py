"""Given recordings, when `sensorium voice train` is used, then there is a voice with consent, or nothing."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="voices are made with torch")

from tests.unit.voices.conftest import WARM, ship

from sensorium.audio import read_wav, write_wav
from sensorium.bench import random_gguf
from sensorium.bundles import catalogue
from sensorium.cli.voice_train import FOLDER
from sensorium.tuning import kept, studio

Sensorium = Any
GIVEN = ("--consent", "Ann Lee, who agreed", "--licence", "CC0-1.0", "--attribution", "Ann Lee")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random mind of llama.cpp's that knows speech codes."""
    folder = random_gguf.write_bundle(
        tmp_path_factory.mktemp("bundle"), width=32, layers=1, heads=2, codes_per_group=1_000
    )
    for name in ("codec.onnx", "encoder.npz"):
        shutil.copy(catalogue.SHIPPED / "nano" / name, folder / name)
    return folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(bundle))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rec").mkdir()
    write_wav(tmp_path / "rec" / "one.wav", np.full(8_000, 0.3, np.float32), 16_000)
    return tmp_path


def train(sensorium: Sensorium, *arguments: str, given: tuple[str, ...] = GIVEN) -> Any:
    return sensorium("voice", "train", "--name", "ann", "--from", "rec", *given, *arguments)


def voice_file(place: Path, bundle: Path, invoked_by: str = "<|speak|>") -> str:
    path = place / "warm.gguf"
    random_gguf.write_lora(path, base=bundle / "mind.gguf", invoked_by=[invoked_by], metadata=WARM.metadata())
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        ((), (), "did they agree"),
        ((), GIVEN[:2], "add --licence"),
        ((), GIVEN[:4], "add --attribution"),
        ((), ("--consent", "No.", *GIVEN[2:]), "did not agree"),
        ((), GIVEN, "0.0 minutes of recordings can be used"),
        (("--from", "absent"), GIVEN, "absent is not a folder"),
        (("--name", "Ann Lee"), GIVEN, "no voice name"),
        (("--resume",), GIVEN, "no training of 'ann' was begun"),
        (("--minutes", "-1"), GIVEN, "--minutes is -1"),
        (("--minutes", "nan"), GIVEN, "--minutes is nan"),
        (("--rank", "0"), GIVEN, "--rank is 0"),
    ],
)
def test_what_is_wrong_is_one_line_and_begins_nothing(
    sensorium: Sensorium, place: Path, arguments: tuple[str, ...], given: tuple[str, ...], says: str
) -> None:
    named = {arguments[i]: i for i in range(0, len(arguments), 2)}
    base = [a for pair in (("--name", "ann"), ("--from", "rec")) if pair[0] not in named for a in pair]
    ended = sensorium("voice", "train", *base, *given, *arguments)
    assert ended.code == 2
    assert says in ended.err and ended.err.count("\n") == 1
    assert not (place / "home" / FOLDER).exists()


def test_a_name_that_is_taken_or_begun_is_refused_before_anything_is_asked(
    sensorium: Sensorium, place: Path, bundle: Path
) -> None:
    assert sensorium("voice", "add", voice_file(place, bundle), "--name", "ann").code == 0
    assert "a voice 'ann' already" in train(sensorium, given=()).err
    sensorium("voice", "remove", "ann", "--yes")
    kept.save(place / "home" / FOLDER / "ann", b"something")
    assert "add --resume" in train(sensorium, given=()).err


def test_the_name_of_a_voice_of_the_bundle_is_taken(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch, place: Path, bundle: Path
) -> None:
    folder = shutil.copytree(bundle, place / "shipping")
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(ship(folder, ann=Path(voice_file(place, bundle)))))
    refused = train(sensorium, given=())
    assert refused.code == 2 and "a voice 'ann' already in bundle random" in refused.err
    assert "voice remove" not in refused.err


def test_a_mind_that_only_writes_is_refused(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mute = random_gguf.write_bundle(tmp_path / "mute", width=32, layers=1, heads=2)
    toml = re.sub(
        r"^audio_out = \w+", "audio_out = false", (mute / "bundle.toml").read_text(), flags=re.MULTILINE
    )
    (mute / "bundle.toml").write_text(toml)
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(mute))
    assert "writes and does not speak" in train(sensorium).err
    assert sensorium("voice", "add", voice_file(tmp_path, mute, "<|self|>")).code == 0
    refused = sensorium("voice", "preview", "warm")
    assert refused.code == 2 and "writes and does not speak" in refused.err


def test_a_voice_is_trained_taken_in_and_heard(
    sensorium: Sensorium, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("espeakng_loader", reason="it speaks the recordings")
    from training.espeak import Style, engine

    # given a few recordings, each twice: what is held out is learnt even by a mind of noise
    texts = 2 * ("i like tea", "what is your name", "the dog is old")
    for i, text in enumerate(texts):
        write_wav(place / "rec" / f"{i}.wav", engine().speak(text, Style("en-us+f3")).samples, 16_000)
        (place / "rec" / f"{i}.txt").write_text(text)
    monkeypatch.setattr(studio.prepare, "__kwdefaults__", {"min_seconds": 1.0, "max_seconds": 60.0})
    # when
    ended = train(sensorium, "--rank", "2", "--json")
    # then
    assert ended.code == 0, ended.err
    value = ended.value
    assert (value["voice"]["name"], value["voice"]["consent"]) == ("ann", "Ann Lee, who agreed")
    assert value["recordings"] == len(texts) and [x["file"] for x in value["left_out"]] == ["one.wav"]
    assert value["held_out"]["loss"] < value["held_out"]["loss_before"]
    assert not (place / "home" / FOLDER / "ann").exists()
    shown = sensorium("voice", "show", "ann", "--json").value["voice"]
    assert (shown["rank"], shown["misfit"], shown["licence"]) == (2, "", "CC0-1.0")
    heard = sensorium("voice", "preview", "ann", "--text", "I like tea!", "--json").value
    assert heard["text"] == "i like tea ." and heard["file"] == "ann.wav"
    assert read_wav(place / "ann.wav").seconds == pytest.approx(heard["seconds"], abs=0.01)
    assert "exists already" in sensorium("voice", "preview", "ann").err
    assert sensorium("voice", "preview", "ann", "--out", "ann.wav").code == 0


def test_it_is_stopped_by_ctrl_c_and_gone_on_with(
    sensorium: Sensorium, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a training that somebody interrupts
    import signal

    def interrupted(*arguments: Any, **_: Any) -> studio.Stopped:
        *_rest, folder, _clock, _tell, should_stop = arguments
        assert not should_stop()
        signal.raise_signal(signal.SIGINT)
        kept.save(folder, b"something")
        assert should_stop()
        return studio.Stopped(folder, None)  # type: ignore[arg-type]

    monkeypatch.setattr(studio, "prepare", lambda *_: studio.Prepared([], [], 0.0, None, None))  # type: ignore[arg-type]
    monkeypatch.setattr(studio, "learn", interrupted)
    ended = train(sensorium)
    # then what it was told is kept, for the next time
    assert ended.code == 130 and "--resume" in ended.err
    card = json.loads((place / "home" / FOLDER / "ann" / "card.json").read_text())
    assert (card["consent"], card["licence"]) == ("Ann Lee, who agreed", "CC0-1.0")
    again = train(sensorium, "--resume", given=())
    assert again.code == 130


@pytest.mark.parametrize("command", ["train", "preview"])
def test_help_teaches(sensorium: Sensorium, command: str) -> None:
    shown = " ".join(sensorium("voice", command, "--help").out.split())
    assert "Example: sensorium voice " in shown
    if command == "train":
        assert "metadata.csv" in shown and "X.txt" in shown


def test_what_cannot_be_previewed(sensorium: Sensorium, place: Path, bundle: Path) -> None:
    sensorium("voice", "add", voice_file(place, bundle))
    for arguments, says in (
        (("warn",), "did you mean 'warm'?"),
        (("warm", "--text", "?!"), "nothing to say"),
        (("warm", "--text", "tea " * 50), "words to say"),
        (("warm", "--out", "absent/x.wav"), "cannot be written"),
    ):
        ended = sensorium("voice", "preview", *arguments)
        assert ended.code == 2 and says in ended.err and ended.err.count("\n") == 1
