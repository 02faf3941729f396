from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sensorium.bench import random_gguf
from sensorium.bundles import catalogue
from sensorium.errors import MissingExtra
from sensorium.inference.llama import LlamaBackend, LlamaConfig


def test_words_are_distinct_and_one_token_each(tmp_path: Path) -> None:
    words = random_gguf.words(6000)
    assert len(set(words)) == 6000
    random_gguf.write_dense(tmp_path / "m.gguf", vocab_words=300)
    backend = LlamaBackend(tmp_path / "m.gguf", LlamaConfig(cells=256, sequences=2))
    assert len(backend.tokenize(" " + " ".join(words[:300]))) == 300
    assert [backend.special(text) for text in random_gguf.special_tokens()] == list(
        range(len(random_gguf.special_tokens()))
    )
    backend.close()


def test_a_seed_makes_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        random_gguf.write_hybrid(tmp_path / name, seed=seed)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_a_bundle_is_loadable_and_knows_the_words_of_the_rules(tmp_path: Path) -> None:
    bundle = catalogue.find(str(random_gguf.write_bundle(tmp_path / "bundle")))
    assert bundle.name == "random" and bundle.prompt == catalogue.find("nano").prompt
    backend = LlamaBackend(bundle.file("mind"), LlamaConfig(cells=256, sequences=2))
    rules = bundle.prompt["rules_text"]
    assert len(backend.tokenize(" " + rules)) == len(rules.split())
    backend.close()


def test_what_nanos_bundle_says_about_itself_changes_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = random_gguf.write_bundle(tmp_path / "plain") / "mind.gguf"
    nano = tmp_path / "shipped" / "nano"
    nano.mkdir(parents=True)
    text = (catalogue.SHIPPED / "nano" / "bundle.toml").read_text(encoding="utf-8")
    (nano / "bundle.toml").write_text("# xylophones on a zeppelin\n" + text, encoding="utf-8")
    personas = catalogue.SHIPPED.parent / "personas"
    (tmp_path / "personas").symlink_to(personas)
    monkeypatch.setattr(catalogue, "SHIPPED", tmp_path / "shipped")
    commented = random_gguf.write_bundle(tmp_path / "commented") / "mind.gguf"
    assert commented.read_bytes() == plain.read_bytes()


def test_without_the_gguf_package_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtra):
        random_gguf.write_dense(tmp_path / "m.gguf")
