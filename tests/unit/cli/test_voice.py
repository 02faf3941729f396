"""Given voice files, when `sensorium voice` is used, then the house has them as said, or nothing changed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.voices.conftest import WARM, ship

from sensorium.bench import random_gguf
from sensorium.voices.library import digest

Sensorium = Any


class Studio:
    """Makes voices for the configured bundle, which is a random one."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder, self.mind = folder, bundle / "mind.gguf"

    def voice(self, name: str = "warm", *, invoked_by: str = "<|self|>", **words: str) -> str:
        metadata = msgspec.structs.replace(WARM, name=name, **words).metadata()
        path = self.folder / f"{name}.gguf"
        random_gguf.write_lora(
            path,
            base=self.mind,
            seed=len(name),
            invoked_by=[invoked_by] if invoked_by else [],
            metadata=metadata,
        )
        return str(path)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_gguf.write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def studio(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(bundle))
    monkeypatch.chdir(tmp_path)
    yield Studio(tmp_path, bundle)


def names(sensorium: Sensorium) -> list[str]:
    return [v["name"] for v in sensorium("voice", "list", "--json").value["voices"]]


def files(studio: Studio) -> list[str]:
    return sorted(p.name for p in (studio.folder / "home").glob("voices/*"))


def test_one_is_added_listed_shown_and_removed(sensorium: Sensorium, studio: Studio) -> None:
    assert "voice add" in sensorium("voice", "list").out
    path = studio.voice()
    added = sensorium("voice", "add", path, "--json").value["voice"]
    sha256 = digest(Path(path))
    assert (added["name"], added["sha256"], added["num_bytes"]) == ("warm", sha256, Path(path).stat().st_size)
    assert (added["licence"], added["attribution"], added["consent"]) == (
        WARM.licence, WARM.attribution, WARM.consent,
    )  # fmt: skip
    assert added["added_at"] > 1.7e9 and added["personas"] == []
    assert names(sensorium) == ["warm"] and files(studio) == [f"{sha256}.gguf"]
    assert "spoken by nobody" in sensorium("voice", "list").out

    shown = sensorium("voice", "show", sha256[:8], "--json").value["voice"]
    assert shown["preview_text"] == WARM.preview_text and shown["misfit"] == ""
    assert (shown["rank"], shown["invocation_tokens"]) == (4, [8])
    text = sensorium("voice", "show", "WARM").out
    assert WARM.consent in text and sha256 in text

    assert "already, as warm" in sensorium("voice", "add", path, "--name", "other").out
    assert sensorium("voice", "remove", "warm", "--yes", "--json").value == {"removed": "warm"}
    assert names(sensorium) == [] and files(studio) == []


def test_an_assigned_one_is_kept_named_and_not_removed(sensorium: Sensorium, studio: Studio) -> None:
    sensorium("voice", "add", studio.voice())
    given = sensorium("voice", "assign", "Maya", "warm", "--json").value
    assert given["persona"] == "maya" and given["voice_adapter_id"].startswith("warm@")
    assert "spoken by maya" in sensorium("voice", "list").out
    refused = sensorium("voice", "remove", "warm", "--yes")
    assert refused.code == 2 and "maya speaks with voice warm" in refused.err
    assert "sensorium voice assign maya --none" in refused.err
    assert names(sensorium) == ["warm"] and len(files(studio)) == 1

    assert sensorium("voice", "assign", "maya", "--none").code == 0
    assert sensorium("persona", "show", "maya", "--json").value["persona"]["voice_adapter_id"] is None
    assert sensorium("voice", "remove", "warm", "--yes").code == 0


def test_voice_and_persona_travel_to_another_machine(sensorium: Sensorium, studio: Studio) -> None:
    path = studio.voice()
    sensorium("voice", "add", path)
    sensorium("voice", "assign", "maya", "warm")
    told = sensorium("persona", "export", "maya", "--out", "maya.toml")
    assert "sensorium voice export warm" in told.out
    assert f'voice_adapter_id = "warm@{digest(Path(path))}"' in Path("maya.toml").read_text()
    Path(path).rename("original.gguf")
    wrote = sensorium("voice", "export", "warm", "--json").value
    assert wrote == {"voice": "warm", "sha256": digest(Path("original.gguf")), "file": "warm.gguf"}
    assert Path("warm.gguf").read_bytes() == Path("original.gguf").read_bytes()

    there = ("--home", str(studio.folder / "there"))
    lonely = sensorium("persona", "import", "maya.toml", "--replace", *there)
    assert lonely.code == 0 and "Took in Maya." in lonely.out
    assert "'warm'" in lonely.err and "sensorium voice import warm.gguf" in lonely.err
    assert sensorium("voice", "import", "warm.gguf", *there).code == 0
    value = sensorium("persona", "import", "maya.toml", "--replace", "--json", *there).value
    assert value["voice_missing"] is False
    (voice,) = sensorium("voice", "list", "--json", *there).value["voices"]
    assert (voice["name"], voice["personas"], voice["licence"]) == ("warm", ["maya"], WARM.licence)


def test_a_persona_with_a_voice_is_imported_before_its_voice(sensorium: Sensorium, studio: Studio) -> None:
    toml = f'id = "zoe"\nname = "Zoe"\nvoice_adapter_id = "deep@{"ab" * 32}"\n'
    Path("zoe.toml").write_text(toml)
    ended = sensorium("persona", "import", "zoe.toml", "--json")
    assert ended.code == 0 and json.loads(ended.out)["voice_missing"] is True
    assert ended.err == (
        "sensorium: voice 'deep' (sha256 abababababab) is not on this machine (export it where it is "
        "(sensorium voice export deep), then here: sensorium voice import deep.gguf)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "warn"), "did you mean 'warm'?"),
        (("export", "warn"), "did you mean 'warm'?"),
        (("remove", "warn", "--yes"), "did you mean 'warm'?"),
        (("remove", "warm"), "add --yes"),
        (("assign", "maya", "warn"), "did you mean 'warm'?"),
        (("assign", "mya", "warm"), "did you mean 'maya'?"),
        (("assign", "maya"), "--none"),
        (("assign", "maya", "warm", "--none"), "--none"),
        (("add", "absent.gguf"), "absent.gguf"),
        (("add", "warm.gguf", "--name", "Not A Name"), "voice name"),
        (("add", "text.gguf"), "text.gguf is not a usable GGUF"),
        (("add", "cut.gguf"), "cut.gguf is not a usable GGUF"),
        (("add", "mind.gguf"), "not a LoRA"),
        (("add", "plain.gguf"), "plain.gguf has no adapter.alora.invocation_tokens"),
        (("add", "other.gguf"), "other.gguf was made for another model"),
        (("add", "twin.gguf", "--name", "warm"), "another voice 'warm'"),
        (("add", "home"), "home"),
        (("import", "absent.gguf"), "absent.gguf"),
        (("export", "warm", "--out", "warm.gguf"), "exists already"),
        (("export", "warm", "--out", "text.gguf/x"), "cannot be written"),
    ],
)
def test_what_is_wrong_is_one_line_and_changes_nothing(
    sensorium: Sensorium,
    studio: Studio,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    sensorium("voice", "add", studio.voice())
    (studio.folder / "text.gguf").write_text("this is a diary " * 40)
    (studio.folder / "cut.gguf").write_bytes(Path("warm.gguf").read_bytes()[:-1])
    (studio.folder / "mind.gguf").write_bytes(studio.mind.read_bytes())
    studio.voice("plain", invoked_by="")
    studio.voice("twin")
    narrow = studio.folder / "narrow.gguf"
    random_gguf.write_dense(narrow, width=32, heads=2)
    random_gguf.write_lora(
        studio.folder / "other.gguf", base=narrow, invoked_by=["<|self|>"], metadata=WARM.metadata()
    )
    before = sensorium("voice", "list", "--json").value, files(studio)
    ended = sensorium("voice", *arguments)
    assert ended.code == 2
    assert says in ended.err and ended.err.count("\n") == 1
    assert (sensorium("voice", "list", "--json").value, files(studio)) == before


def test_a_voice_for_another_model_file_is_refused_and_shown_as_a_misfit(
    sensorium: Sensorium, studio: Studio, monkeypatch: pytest.MonkeyPatch, bundle: Path
) -> None:
    sensorium("voice", "add", studio.voice(base_sha256="ab" * 32))  # this bundle names no sha256
    signed = studio.folder / "signed"
    signed.mkdir()
    for file in bundle.iterdir():
        (signed / file.name).write_bytes(file.read_bytes())
    toml = (bundle / "bundle.toml").read_text()
    sha256 = digest(bundle / "mind.gguf")
    (signed / "bundle.toml").write_text(toml.replace('sha256 = ""', f'sha256 = "{sha256}"', 1))
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(signed))
    shown = sensorium("voice", "show", "warm", "--json").value["voice"]
    assert "another model" in shown["misfit"] and sha256[:12] in shown["misfit"]
    refused = sensorium("voice", "add", studio.voice("deep", base_sha256="ab" * 32))
    assert refused.code == 2 and "deep.gguf was made for another model" in refused.err


def test_an_altered_file_is_found_and_mended_by_adding_it_again(sensorium: Sensorium, studio: Studio) -> None:
    path = studio.voice()
    sensorium("voice", "add", path)
    (kept,) = (studio.folder / "home" / "voices").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    for command in (("show", "warm"), ("export", "warm", "--out", "x.gguf")):
        ended = sensorium("voice", *command)
        assert ended.code == 2 and "altered" in ended.err
    assert sensorium("voice", "add", path).code == 0
    assert sensorium("voice", "show", "warm").code == 0


@pytest.mark.parametrize("command", ["list", "show", "add", "import", "remove", "assign", "export"])
def test_help_teaches(sensorium: Sensorium, command: str) -> None:
    shown = sensorium("voice", command, "--help")
    assert shown.code == 0 and "Example: sensorium voice " in " ".join(shown.out.split())


@pytest.fixture
def shipping(studio: Studio, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of the user's own that comes with the voices maya and nora."""
    folder = studio.folder / "shipping"
    folder.mkdir()
    for file in bundle.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    ship(folder, maya=Path(studio.voice("maya")), nora=Path(studio.voice("norah")))
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(folder))
    return folder


def speaks_with(sensorium: Sensorium, persona: str) -> str | None:
    found: str | None = sensorium("persona", "show", persona, "--json").value["persona"]["voice_adapter_id"]
    return found


def test_those_of_the_bundle_are_there_in_a_new_home_and_like_any_other(
    sensorium: Sensorium, studio: Studio, shipping: Path
) -> None:
    maya, nora = sensorium("voice", "list", "--json").value["voices"]
    assert (maya["name"], maya["bundle"], maya["personas"]) == ("maya", "random", ["maya"])
    assert (nora["name"], nora["personas"], nora["added_at"]) == ("nora", ["nora"], None)
    sha256 = digest(shipping / "voices" / "maya.gguf")
    assert maya["sha256"] == sha256 and maya["licence"] == WARM.licence
    told = sensorium("voice", "list").out.splitlines()
    assert [line.endswith("comes with bundle random") for line in told] == [True, True]

    shown = sensorium("voice", "show", sha256[:8], "--json").value["voice"]
    assert (shown["misfit"], shown["bundle"]) == ("", "random")
    assert shown["file"] == str((shipping / "voices" / "maya.gguf").resolve())
    assert "-" in next(
        x for x in sensorium("voice", "show", "maya").out.splitlines() if x.startswith("added")
    )
    assert sensorium("voice", "export", "maya", "--out", "out.gguf").code == 0
    assert digest(Path("out.gguf")) == sha256
    assert "already, as maya" in sensorium("voice", "add", "out.gguf", "--name", "mine").out
    assert sensorium("voice", "assign", "hugo", "maya", "--json").value["voice_adapter_id"] == "maya@bundle"
    assert sensorium("voice", "list", "--json").value["voices"][0]["personas"] == ["hugo", "maya"]
    assert files(studio) == []
    assert "does not speak" in sensorium("voice", "preview", "maya").err  # so it was found


def test_one_of_the_bundle_stays_with_it_and_its_name_is_taken(
    sensorium: Sensorium, studio: Studio, shipping: Path
) -> None:
    refused = sensorium("voice", "remove", "nora", "--yes")
    assert refused.code == 2 and "comes with bundle random" in refused.err
    assert "sensorium voice assign nora --none" in refused.err
    taken = sensorium("voice", "add", studio.voice("warmer"), "--name", "nora")
    assert taken.code == 2 and "comes with bundle random" in taken.err and "remove" not in taken.err
    assert sensorium("voice", "assign", "nora", "--none").code == 0
    assert speaks_with(sensorium, "nora") is None
    assert sensorium("voice", "assign", "nora", "nora").code == 0
    assert speaks_with(sensorium, "nora") == "nora@bundle"


def test_an_upgrade_brings_new_versions_and_leaves_what_was_chosen(
    sensorium: Sensorium, studio: Studio, shipping: Path
) -> None:
    sensorium("voice", "add", studio.voice())
    sensorium("voice", "assign", "maya", "warm")
    sensorium("voice", "assign", "hugo", "--none")
    chosen = speaks_with(sensorium, "maya")
    newer = Path(studio.voice("noranora"))
    ship(shipping, nora=newer, hugo=newer, warm=newer)

    found = {(v["name"], v["bundle"]): v for v in sensorium("voice", "list", "--json").value["voices"]}
    assert found["nora", "random"]["sha256"] == digest(newer)
    assert "nora" in found["nora", "random"]["personas"]
    assert (speaks_with(sensorium, "maya"), speaks_with(sensorium, "hugo")) == (chosen, None)
    # A name that the bundle took later: the own voice is still meant by it.
    assert found["warm", ""]["personas"] == ["maya"] and found["warm", "random"]["personas"] == []
    assert sensorium("voice", "show", "warm", "--json").value["voice"]["bundle"] == ""


def test_under_another_bundle_they_are_not_there_and_come_back_with_theirs(
    sensorium: Sensorium, bundle: Path, shipping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sensorium("voice", "list", "--json").value
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(bundle))
    assert names(sensorium) == []
    assert sensorium("voice", "show", "maya").code == 2
    monkeypatch.setenv("SENSORIUM_BUNDLE", str(shipping))
    assert sensorium("voice", "list", "--json").value == before


def test_an_altered_one_of_the_bundle_is_told_and_the_others_go_on(
    sensorium: Sensorium, studio: Studio, shipping: Path
) -> None:
    (shipping / "voices" / "maya.gguf").write_bytes(b"?")
    told = sensorium("voice", "list")
    assert told.code == 0 and told.out.startswith("nora") and told.err.count("\n") == 1
    assert "maya.gguf was altered" in told.err and "install the bundle again" in told.err
    for command in (("show", "maya"), ("export", "maya"), ("assign", "hugo", "maya")):
        ended = sensorium("voice", *command)
        assert ended.code == 2 and "install the bundle again" in ended.err
    assert sensorium("voice", "show", "nora").code == 0


def test_own_voices_need_no_bundle(
    sensorium: Sensorium, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensorium("voice", "add", studio.voice())
    monkeypatch.setenv("SENSORIUM_BUNDLE", "nowhere")
    assert sensorium("voice", "export", "warm", "--out", "x.gguf").code == 0
    assert sensorium("voice", "remove", "warm", "--yes").code == 0


def test_a_persona_with_a_voice_of_the_bundle_travels_without_it(
    sensorium: Sensorium, studio: Studio, shipping: Path
) -> None:
    told = sensorium("persona", "export", "maya", "--out", "maya.toml")
    assert "voice export" not in told.out
    assert 'voice_adapter_id = "maya@bundle"' in Path("maya.toml").read_text()
    taken = sensorium("persona", "import", "maya.toml", "--replace", "--json")
    assert taken.value["voice_missing"] is False and taken.err == ""
