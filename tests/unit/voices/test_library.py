"""Given voices by their sha256, then what is taken out is what was put in, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.voices.conftest import WARM, Write, ship

from sensorium.errors import AdapterError, BadInput, BundleError, NotFound
from sensorium.persona import VoiceRef
from sensorium.voices.library import Library, copy_file, digest


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "home")


def test_a_voice_is_put_in_and_found(library: Library, write: Write) -> None:
    source = write()
    sha256 = digest(source)
    assert not library.holds(sha256) and not library.folder.exists()
    assert library.put(source, sha256) == library.put(source, sha256) == library.path(sha256)
    path, words = library.checked(VoiceRef("mine", sha256))
    assert path.read_bytes() == source.read_bytes()
    assert (words.name, words.licence) == ("mine", WARM.licence)
    assert [p.name for p in library.folder.iterdir()] == [f"{sha256}.gguf"]
    library.drop(sha256)
    library.drop(sha256)
    assert not library.holds(sha256)


def test_a_missing_one_says_how_to_get_it(library: Library) -> None:
    with pytest.raises(NotFound) as caught:
        library.checked(VoiceRef("warm", "ab" * 32))
    line = caught.value.one_line()
    assert "'warm'" in line and "abababababab" in line
    assert "sensorium voice export warm" in line and "sensorium voice import warm.gguf" in line


def test_an_altered_one_is_refused_and_put_right_by_adding_it_again(library: Library, write: Write) -> None:
    source = write()
    sha256 = digest(source)
    path = library.put(source, sha256)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(AdapterError, match="altered") as caught:
        library.checked(VoiceRef("warm", sha256))
    assert "sensorium voice add" in caught.value.remedy
    library.put(source, sha256)
    library.checked(VoiceRef("warm", sha256))


def test_a_copy_that_fails_leaves_nothing(library: Library, write: Write, tmp_path: Path) -> None:
    source = write()
    with pytest.raises(AdapterError, match="changed"):
        library.put(source, "ab" * 32)
    assert list(library.folder.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        copy_file(source, tmp_path / "file" / "x.gguf", digest(source))
    with pytest.raises(AdapterError, match="No such file"):
        digest(tmp_path / "absent")


def test_a_voice_of_the_bundle_is_used_where_it_lies(tmp_path: Path, write: Write) -> None:
    source = write()
    bundle = ship(tmp_path / "bundle", maya=source)
    library = Library(tmp_path / "home", str(bundle))
    assert library.shipped() == {"maya": VoiceRef("maya", digest(source))}
    for voice in (VoiceRef("maya"), VoiceRef("maya", digest(source)), VoiceRef("mine", digest(source))):
        path, words = library.checked(voice)
        assert path == (bundle / "voices" / "maya.gguf").resolve()
        assert (words.name, words.licence) == (voice.name, WARM.licence)
    assert not library.folder.exists()
    for absent in (VoiceRef("hugo"), VoiceRef("maya", "ab" * 32)):
        with pytest.raises(NotFound) as caught:
            library.checked(absent)
        assert repr(absent.name) in caught.value.message and caught.value.remedy


def test_an_altered_voice_of_the_bundle_is_refused(tmp_path: Path, write: Write) -> None:
    bundle = ship(tmp_path / "bundle", maya=write())
    (bundle / "voices" / "maya.gguf").write_bytes(write("other.gguf", seed=2).read_bytes())
    with pytest.raises(BundleError, match=r"maya\.gguf was altered") as caught:
        Library(tmp_path / "home", str(bundle)).checked(VoiceRef("maya"))
    assert caught.value.remedy == "install the bundle again"


def test_a_library_without_bundle_has_its_own_voices_only(library: Library) -> None:
    assert library.shipped() == {}
    with pytest.raises(NotFound, match="'maya'"):
        library.checked(VoiceRef("maya"))
