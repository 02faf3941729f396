"""bundle.toml: how a bundle speaks is all there and possible, its voices what it says, or it is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from sensorium.bundles import catalogue
from sensorium.errors import BundleError, NotFound
from sensorium.request import SpeechFormat

HEAD = """
name = "tiny"
version = "1"
licence = "MIT"
source = "a test"
context_tokens = 64

[prompt]

[files.mind]
path = "mind.gguf"

[capabilities]
"""
FIELDS = {
    "open": '"<|speak|>"',
    "close": '"<|done|>"',
    "first_code": '"<|code_0|>"',
    "groups": "2",
    "codes_per_group": "1000",
}


def bundle(folder: Path, capabilities: str, **speech: str) -> catalogue.Bundle:
    table = "".join(f"{name} = {value}\n" for name, value in speech.items() if value)
    text = HEAD + capabilities + ("\n[speech]\n" + table if table else "")
    (folder / "bundle.toml").write_text(text, encoding="utf-8")
    return catalogue.find(str(folder))


def test_how_a_bundle_speaks_is_read(tmp_path: Path) -> None:
    found = bundle(tmp_path, "audio_in = true\naudio_out = true", **FIELDS)
    assert found.capabilities.audio_in and found.capabilities.audio_out
    assert found.speech == SpeechFormat(
        open="<|speak|>", close="<|done|>", first_code="<|code_0|>", groups=2, codes_per_group=1000
    )


def test_a_bundle_that_cannot_see_says_so(tmp_path: Path) -> None:
    bundle(tmp_path, "image_in = true").check_sees()
    with pytest.raises(BundleError, match="bundle tiny cannot see pictures") as caught:
        bundle(tmp_path, "image_in = false").check_sees()
    assert caught.value.remedy


def test_a_bundle_that_only_writes_needs_none(tmp_path: Path) -> None:
    assert bundle(tmp_path, "audio_out = false").speech is None


@pytest.mark.parametrize(
    "change",
    [
        dict.fromkeys(FIELDS, ""),  # no table at all
        {"open": ""},
        {"groups": ""},
        {"open": '""'},
        {"groups": "0"},
        {"groups": '"two"'},
        {"codes_per_group": "0"},
        {"codes_per_group": "40000"},  # codes travel in 16 bits
        {"rate_hz": "25"},  # nobody knows what it means
    ],
)
def test_a_bundle_that_does_not_say_how_it_speaks_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    with pytest.raises(BundleError, match="speech") as e:
        bundle(tmp_path, "audio_out = true", **{**FIELDS, **change})
    assert "\n" not in e.value.one_line()


def with_voices(folder: Path, tables: str) -> catalogue.Bundle:
    (folder / "bundle.toml").write_text(HEAD + "\n" + tables, encoding="utf-8")
    return catalogue.find(str(folder))


def voice_table(name: str, path: str, sha256: str) -> str:
    return f'[voices.{name}]\npath = "{path}"\nsha256 = "{sha256}"\n'


def test_voices_that_come_with_a_bundle_are_checked_when_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "bundle" / "voices" / "warm.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a voice")
    sha256 = hashlib.sha256(b"a voice").hexdigest()
    tables = voice_table("warm", "voices/warm.gguf", sha256) + voice_table("gone", "gone.gguf", sha256)
    (tmp_path / "outside.gguf").write_bytes(b"a voice")
    found = with_voices(tmp_path / "bundle", tables + voice_table("sly", "../outside.gguf", sha256))
    assert list(found.voices) == ["warm", "gone", "sly"] and found.voices["warm"].sha256 == sha256
    assert found.voice("warm") == file.resolve()
    with pytest.raises(BundleError, match=r"gone\.gguf is missing"):
        found.voice("gone")
    with pytest.raises(BundleError, match="outside its folder"):
        found.voice("sly")
    with pytest.raises(NotFound, match="no voice in bundle tiny called 'warn'") as unknown:
        found.voice("warn")
    assert "did you mean 'warm'" in unknown.value.remedy
    file.write_bytes(b"another")
    with pytest.raises(BundleError, match=r"warm\.gguf was altered") as altered:
        found.voice("warm")
    assert altered.value.remedy == "install the bundle again"


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (b"name = " + b"[" * 3_000 + b"]" * 3_000, "too deep"),
        (b"name = " + b"9" * 5_000, "integer string conversion"),
        (b"name = '\xff'", "utf-8"),
        (b"#" * (1 << 21), "larger than 1 MiB"),
    ],
)
def test_a_bundle_toml_that_is_hostile_is_refused_in_one_line(tmp_path: Path, toml: bytes, says: str) -> None:
    (tmp_path / "bundle.toml").write_bytes(toml)
    with pytest.raises(BundleError, match=says) as caught:
        catalogue.find(str(tmp_path))
    assert "\n" not in caught.value.one_line()


def test_a_bundle_by_a_name_too_long_is_not_found() -> None:
    with pytest.raises(NotFound, match="no bundle called"):
        catalogue.find("x" * 5_000)


@pytest.mark.parametrize("path", ["x" * 5_000, "a\0b", "../" * 2_000])
def test_a_file_with_an_impossible_path_is_refused(tmp_path: Path, path: str) -> None:
    entry = catalogue.BundleFile(path=path)
    found = msgspec.structs.replace(catalogue.find("nano"), files={"mind": entry}, folder=str(tmp_path))
    with pytest.raises(BundleError):
        found.file("mind")


def test_a_bundle_need_not_have_voices(tmp_path: Path) -> None:
    assert with_voices(tmp_path, "").voices == {}


@pytest.mark.parametrize(
    "table",
    [
        voice_table("warm", "warm.gguf", ""),
        voice_table("warm", "warm.gguf", "AB" * 32),
        voice_table('"Warm Voice"', "warm.gguf", "ab" * 32),
        '[voices.warm]\nsha256 = "' + "ab" * 32 + '"\n',
        voice_table("warm", "warm.gguf", "ab" * 32) + 'licence = "MIT"\n',
        "[voices]\nwarm = 3\n",
    ],
)
def test_a_voice_without_name_path_or_sha256_is_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(BundleError, match="voices") as e:
        with_voices(tmp_path, table)
    assert "\n" not in e.value.one_line()
