"""bundle.toml of a bundle that speaks: all of [speech] is there and possible, or the bundle is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.bundles import catalogue
from sensorium.errors import BundleError
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
