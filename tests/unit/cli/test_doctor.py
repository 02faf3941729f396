"""Given a machine that lacks something, when the doctor looks, then it says what and what to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest
from tests.unit.cli.conftest import Sensorium
from tests.unit.voices.conftest import ship

from sensorium.cli import doctor
from sensorium.cli.doctor import Finding, examine
from sensorium.config import Config
from sensorium.store.store import Store


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "bundle.toml").write_text(
        'name = "small"\nversion = "1"\nlicence = "Apache-2.0"\nsource = ""\ncontext_tokens = 512\n'
        '[prompt]\n[files.mind]\npath = "mind.gguf"\n'
    )
    (folder / "mind.gguf").write_bytes(b"GGUF")
    return folder


@pytest.fixture
def config(tmp_path: Path, bundle: Path) -> Config:
    return Config(bundle=str(bundle), home=str(tmp_path / "home"))


def _found(config: Config, part: str) -> Finding:
    return next(f for f in examine(config) if f.part.startswith(part))


def test_a_whole_machine_needs_nothing_and_nothing_is_made(config: Config) -> None:
    findings = examine(config)
    assert [f for f in findings if f.state == "missing"] == []
    assert {f.state for f in findings} <= {"ok", "optional"}
    assert all(f.remedy for f in findings if f.state == "missing")
    assert not Path(config.home).exists()


@pytest.mark.parametrize(
    ("granted", "state", "says"),
    [
        ("real-time", "ok", "real time"),
        ("raised", "optional", "not in real"),
        ("normal", "optional", "as every"),
    ],
)
def test_priority_that_is_not_granted_is_said_with_how_to_get_it(
    config: Config, monkeypatch: pytest.MonkeyPatch, granted: str, state: str, says: str
) -> None:
    monkeypatch.setattr("sensorium.priority.granted", lambda: granted)
    found = _found(config, "priority")
    assert found.state == state and says in found.detail
    assert ("rtprio" in found.remedy) is (state == "optional")


def test_a_bundle_without_its_model_is_missing(config: Config, bundle: Path) -> None:
    (bundle / "mind.gguf").unlink()
    found = _found(config, "bundle")
    assert (found.state, found.remedy) == ("missing", "install the bundle again")


def test_an_unknown_bundle_is_missing(config: Config) -> None:
    found = _found(msgspec.structs.replace(config, bundle="nanno"), "bundle")
    assert (found.state, found.remedy) == ("missing", "did you mean 'nano'?")


def test_a_home_under_a_file_cannot_be_written(config: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = _found(msgspec.structs.replace(config, home=str(tmp_path / "file" / "home")), "home")
    assert (found.state, found.remedy) == ("missing", "set SENSORIUM_HOME to another folder")


def test_a_store_that_is_none_is_named(config: Config) -> None:
    config.store_path.parent.mkdir()
    config.store_path.write_bytes(b"not SQLite at all " * 100)
    found = _found(config, "store")
    assert found.state == "missing" and "is not a store" in found.detail and found.remedy


def test_a_good_store_is_left_as_it_was(config: Config) -> None:
    Store.open(config.store_path).close()
    assert _found(config, "store").state == "ok"


def test_a_package_that_is_not_installed_is_missing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", absent)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor, "find_library", lambda name: None)
    assert _found(config, "llama-cpp-python").state == "missing"
    assert _found(config, "pocketsphinx").state == "optional"
    assert _found(config, "espeak-ng").remedy == 'pip install "sensorium[espeak]"'


@pytest.mark.parametrize(
    "error", [subprocess.TimeoutExpired("nvidia-smi", 10), subprocess.CalledProcessError(9, "nvidia-smi")]
)
def test_a_gpu_that_does_not_answer_is_no_obstacle(
    config: Config, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(doctor.subprocess, "run", refuses)
    found = _found(config, "gpu")
    assert (found.state, found.detail) == (
        "optional",
        "nvidia-smi does not answer; everything runs on the CPU",
    )


def test_the_command_shows_a_table_and_its_exit_code(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch, bundle: Path
) -> None:
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(bundle))
    whole = sensorium("doctor", "--json")
    assert whole.code == 0 and whole.value["ok"] is True
    assert {"part", "state", "detail", "remedy"} == set(whole.value["findings"][0])

    monkeypatch.setenv("SENSORIUM_BUNDLE", "nowhere")
    broken = sensorium("doctor")
    assert broken.code == 1
    assert "missing" in broken.out and broken.out.endswith("Something needed is missing.\n")


def test_an_altered_voice_of_the_bundle_is_found(config: Config, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "voice").write_bytes(b"GGUF voice")
    ship(bundle, maya=tmp_path / "voice")
    assert _found(config, "bundle").state == "ok"
    (bundle / "voices" / "maya.gguf").write_bytes(b"GGUF other")
    found = _found(config, "bundle")
    assert found.state == "missing" and "maya.gguf was altered" in found.detail
    assert found.remedy == "install the bundle again"
