"""Given a mind's file, when it is read as torch, then it computes what training and llama.cpp compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="voices are made with torch")

from training.mind.mind_file import read_gguf  # noqa: E402

from sensorium.bench import random_gguf  # noqa: E402
from sensorium.bundles import gguf_adapter, gguf_file  # noqa: E402
from sensorium.bundles.catalogue import Bundle  # noqa: E402
from sensorium.errors import AdapterError, BadInput, BundleError  # noqa: E402
from sensorium.inference.backend import Span  # noqa: E402
from sensorium.inference.llama import LlamaBackend, LlamaConfig  # noqa: E402
from sensorium.request import AdapterUse  # noqa: E402
from sensorium.tuning import decoder, voice_file  # noqa: E402
from sensorium.tuning.decoder import TARGETS, Decoder, Lora, new_lora  # noqa: E402
from sensorium.voices import card  # noqa: E402
from sensorium.voices.card import Card  # noqa: E402

CARD = Card(
    name="warm",
    licence="CC0-1.0",
    attribution="The house of tests",
    consent="random numbers; nobody was recorded",
    preview_text="hello .",
)
SPEAK = 16
IDS = [1, 9, 330, 340, 350, 2, SPEAK, 330, 340, 1600, 2700, 350, 1700, 2800]
AT = IDS.index(SPEAK)


@pytest.fixture(scope="module")
def mind(speaking_bundle: Bundle) -> Decoder:
    return decoder.load(Path(speaking_bundle.folder) / "mind.gguf")


def tensor(*ids: int) -> torch.Tensor:
    return torch.tensor([ids])


def strong(shape: decoder.Shape, seed: int = 1) -> Lora:
    lora = new_lora(shape, rank=4, alpha=8.0, seed=seed)
    with torch.no_grad():
        for i, up in enumerate(lora.up.values()):
            up.copy_(torch.randn(up.shape, generator=torch.Generator().manual_seed(i)) * 0.2)
    return lora


def acts() -> torch.Tensor:
    return torch.arange(len(IDS))[None] >= AT


def test_logits_are_those_of_the_model_that_training_knows(mind: Decoder, speaking_bundle: Bundle) -> None:
    trained = read_gguf(Path(speaking_bundle.folder) / "mind.gguf")
    with torch.no_grad():
        ours = mind.logits(mind.states(tensor(*IDS)))
        theirs = trained.logits(trained.states(tensor(*IDS)))
    assert ours.abs().max() > 0.5
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_new_voice_changes_nothing(mind: Decoder) -> None:
    with torch.no_grad():
        plain = mind.states(tensor(*IDS))
        voiced = mind.states(tensor(*IDS), new_lora(mind.shape, 8, 16.0, 1), acts())
    assert torch.equal(plain, voiced)


def test_a_voice_leaves_what_stands_before_it_alone_bit_for_bit(mind: Decoder) -> None:
    with torch.no_grad():
        plain = mind.states(tensor(*IDS))
        voiced = mind.states(tensor(*IDS), strong(mind.shape), acts())
    assert torch.equal(plain[:, :AT], voiced[:, :AT])
    assert all((plain[0, i] - voiced[0, i]).abs().max() > 1e-2 for i in range(AT, len(IDS)))


def test_every_matrix_of_a_voice_learns(mind: Decoder) -> None:
    lora = strong(mind.shape)
    mind.states(tensor(*IDS), lora, acts()).square().mean().backward()
    assert len(lora.down) == len(TARGETS) * mind.shape.num_layers
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in lora.parameters())


def test_the_written_voice_does_in_llama_cpp_what_it_does_here(
    mind: Decoder, speaking_bundle: Bundle, backend: LlamaBackend, tmp_path: Path
) -> None:
    lora = strong(mind.shape)
    path = tmp_path / "warm.gguf"
    voice_file.write(path, lora, CARD, (SPEAK,))
    # given what the house checks of a voice
    model = gguf_file.read_model(Path(speaking_bundle.folder) / "mind.gguf")
    found = gguf_adapter.read_adapter(path, model)
    gguf_adapter.check_numbers(found.file)
    assert (found.rank, found.invocation_tokens) == (4, (SPEAK,))
    assert card.read(path)[0] == CARD
    # when llama.cpp reads what stands before without it and the rest with it
    backend.load_adapter("warm", path)
    backend.decode([Span(0, 0, IDS[:AT], True)], ())
    before = backend.logits(0).copy()
    backend.decode([Span(0, AT, IDS[AT:], True)], (AdapterUse("warm", 1.0),))
    after = backend.logits(0).copy()
    # then its logits are ours
    with torch.no_grad():
        ours = mind.logits(mind.states(tensor(*IDS), lora, acts()))[0].numpy()
        plain = mind.logits(mind.states(tensor(*IDS)))[0].numpy()
    spread = float(np.abs(ours[-1]).max())
    assert np.abs(before - ours[AT - 1]).max() < 0.01 * spread
    assert np.abs(after - ours[-1]).max() < 0.01 * spread
    assert np.abs(after - plain[-1]).max() > 0.1 * spread


def test_a_model_with_shared_heads_and_a_head_of_its_own_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "mind.gguf"
    random_gguf.write_dense(path, vocab_words=64)
    mind = decoder.load(path)
    assert mind.shape.num_kv_heads < mind.shape.num_heads
    ids = [0, 8, 300, 301, 302, 270]
    llama = LlamaBackend(
        path, LlamaConfig(cells=256, sequences=2, decode_threads=1, batch_threads=1, kv_type="f32")
    )
    try:
        llama.decode([Span(0, 0, ids, True)], ())
        theirs = llama.logits(0).copy()
    finally:
        llama.close()
    with torch.no_grad():
        ours = mind.logits(mind.states(tensor(*ids)))[0, -1].numpy()
    assert np.abs(ours - theirs).max() < 0.01 * np.abs(theirs).max()


def test_other_kinds_of_models_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "hybrid.gguf"
    random_gguf.write_hybrid(path, vocab_words=16)
    with pytest.raises(BundleError, match="lfm2"):
        decoder.load(path)
    path.write_text("this is a diary")
    with pytest.raises(BundleError, match="not a usable GGUF"):
        decoder.load(path)


def test_what_is_no_number_or_has_no_card_is_not_written(mind: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "warm.gguf"
    lora = strong(mind.shape)
    with pytest.raises(BadInput, match="licence"):
        voice_file.write(path, lora, Card(**{**_fields(CARD), "licence": " "}), (SPEAK,))
    with torch.no_grad():
        next(iter(lora.up.values()))[0, 0] = float("nan")
    with pytest.raises(AdapterError, match="beyond all numbers"):
        voice_file.write(path, lora, CARD, (SPEAK,))
    assert list(tmp_path.iterdir()) == []


def _fields(words: Card) -> dict[str, str]:
    return {name: getattr(words, name) for name in words.__struct_fields__}
