"""Writes tiny GGUF files with random weights, so that speed and exactness can be tested without a download.

The files are real: stock llama.cpp and llama-server load them. What they say is noise, but it depends on the
whole prompt, so wrong reuse of KV memory shows as a different reply. nano's special tokens are never the
likeliest, hence a greedy reply ends only by length or by a grammar. Knows nothing of backends.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles import catalogue
from sensorium.bundles.gguf_adapter import INVOCATION_TOKENS
from sensorium.errors import MissingExtra

Matrix = NDArray[np.float32]

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = [c + v for c in _CONSONANTS for v in _VOWELS]
_NORMAL, _CONTROL = 1, 3


def words(count: int) -> list[str]:
    """`count` distinct made-up words. " word" is one token of a file written with `vocab_words >= count`;
    without the leading space a word is spelt in bytes."""
    base = len(_SYLLABLES)
    return [
        _SYLLABLES[i % base] + _SYLLABLES[i // base % base] + _SYLLABLES[i // base**2] for i in range(count)
    ]


def special_tokens() -> tuple[str, ...]:
    """nano's special tokens; the first is the beginning, the second the end."""
    return tuple(catalogue.find("nano").prompt["special_tokens"])


def write_dense(
    path: Path,
    *,
    layers: int = 2,
    width: int = 64,
    heads: int = 4,
    vocab_words: int = 256,
    context: int = 32768,
    seed: int = 0,
    extra_words: Sequence[str] = (),
    sounds: Sequence[str] = (),
) -> None:
    """A llama-style decoder with `heads` query and `heads // 2` key-value heads, float16 matrices.

    `sounds` are special tokens behind all others, and likelier than words: for speech. Raises MissingExtra
    when the gguf package is absent.
    """
    writer, draw = _open(path, "llama", width, context, vocab_words, seed, extra_words, sounds)
    kv_heads = max(1, heads // 2)
    _add_attention_facts(writer, layers, width, heads, kv_heads)
    _add_ends(writer, draw, "output_norm.weight", width, vocab_words, len(extra_words), len(sounds))
    for i in range(layers):
        _add_norms(writer, i, width)
        _add_attention(writer, draw, i, width, heads, kv_heads)
        _add_feed_forward(writer, draw, i, width)
    _close(writer)


def write_hybrid(
    path: Path,
    *,
    layers: int = 4,
    width: int = 64,
    heads: int = 4,
    vocab_words: int = 256,
    context: int = 32768,
    seed: int = 0,
    kernel: int = 3,
    extra_words: Sequence[str] = (),
) -> None:
    """An LFM2-style model: short convolutions in the even layers, attention in the odd ones.

    The convolution's state cannot be trimmed to a position. Raises MissingExtra as `write_dense`.
    """
    writer, draw = _open(path, "lfm2", width, context, vocab_words, seed, extra_words)
    kv_heads = max(1, heads // 2)
    _add_attention_facts(writer, layers, width, heads, [kv_heads if i % 2 else 0 for i in range(layers)])
    writer.add_shortconv_l_cache(kernel)
    _add_ends(writer, draw, "token_embd_norm.weight", width, vocab_words, len(extra_words))
    for i in range(layers):
        _add_norms(writer, i, width)
        _add_feed_forward(writer, draw, i, width)
        if i % 2:
            _add_attention(writer, draw, i, width, heads, kv_heads)
            for name in ("q", "k"):
                writer.add_tensor(f"blk.{i}.attn_{name}_norm.weight", np.ones(width // heads, np.float32))
        else:
            writer.add_tensor(f"blk.{i}.shortconv.conv.weight", draw.normal(width, kernel))
            _matrix(writer, f"blk.{i}.shortconv.in_proj.weight", draw.normal(3 * width, width))
            _matrix(writer, f"blk.{i}.shortconv.out_proj.weight", draw.normal(width, width))
    _close(writer)


def write_lora(
    path: Path,
    *,
    base: Path,
    rank: int = 4,
    seed: int = 1,
    strength: float = 1.0,
    invoked_by: Sequence[str] = (),
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """A LoRA on the attention outputs and the feed-forward gates of the model in `base`.

    Its shapes are read from `base`. `invoked_by` special tokens of `base` make it an activated one;
    `metadata` (`voices.card.Card.metadata`) a voice. Raises MissingExtra as `write_dense`.
    """
    gguf = _gguf()
    reader = gguf.GGUFReader(base)
    architecture = str(reader.fields["general.architecture"].contents())
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for key, text in metadata.items():
        writer.add_string(key, text)
    if invoked_by:
        tokens = reader.fields["tokenizer.ggml.tokens"].contents()
        kinds = gguf.GGUFValueType
        ids = [tokens.index(text) for text in invoked_by]
        writer.add_key_value(INVOCATION_TOKENS, ids, kinds.ARRAY, sub_type=kinds.UINT32)
    draw = _Draw(seed)
    for tensor in reader.tensors:
        if tensor.name.endswith(("attn_output.weight", "ffn_gate.weight")):
            inputs, outputs = (int(n) for n in tensor.shape)
            _matrix(writer, tensor.name + ".lora_a", draw.normal(rank, inputs))
            _matrix(writer, tensor.name + ".lora_b", draw.normal(outputs, rank, gain=strength))
    _close(writer)


def write_bundle(folder: Path, *, seed: int = 0, codes_per_group: int = 0, **dense: Any) -> Path:
    """A loadable bundle like nano (its bundle.toml, its ear if there is one) with a random mind.

    The words of the rules and of the shipped personas are single tokens. With `codes_per_group` it speaks,
    in nano's phonemes and two groups of codes. `dense` goes to `write_dense`. Returns `folder`. Raises
    MissingExtra as `write_dense`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    nano = catalogue.SHIPPED / "nano"
    toml = (nano / "bundle.toml").read_text(encoding="utf-8")
    toml = re.sub(r'^sha256 = ".*"$', 'sha256 = ""', toml, flags=re.MULTILINE)
    # The weights depend on which words there are: not on what is said about the file.
    toml = re.sub(r"^#.*\n", "", toml, flags=re.MULTILINE)
    # A random mind reads words only, nano's voices do not fit it, and it was trained by nobody.
    toml = re.sub("^(audio_in|audio_out|image_in) = true$", r"\1 = false", toml, flags=re.MULTILINE)
    toml = without_tables(toml, "voices", "speech", "training")
    if codes_per_group:
        phonemes = speech.phonemes if (speech := catalogue.find("nano").speech) else ()
        toml = toml.replace("audio_out = false", "audio_out = true") + speech_table(codes_per_group, phonemes)
        codes = (f"<|code_{i}|>" for i in range(2 * codes_per_group))
        spelled = (f"<|phoneme_{i}|>" for i in range(len(phonemes)))
        dense["sounds"] = ("<|speak|>", "<|done|>", *spelled, *codes)
    (folder / "bundle.toml").write_text(toml.replace('name = "nano"', 'name = "random"', 1), encoding="utf-8")
    for name in ("ear.onnx", "phonemes.npz", "pronunciations.txt"):
        if (nano / name).is_file():
            shutil.copy(nano / name, folder / name)
    write_dense(folder / "mind.gguf", seed=seed, extra_words=_known_words(toml), **dense)
    return folder


def without_tables(toml: str, *names: str) -> str:
    """A bundle.toml without the tables [name] and [name.of something]."""
    tables = rf"^\[(?:{'|'.join(names)})[.\]].*?(?=^\[|\Z)"
    return re.sub(tables, "", toml, flags=re.MULTILINE | re.DOTALL)


def speech_table(codes_per_group: int, phonemes: Sequence[str] = ()) -> str:
    """How a mind with two groups of codes speaks, for its bundle.toml; `phonemes` by name, if it has any."""
    table = (
        '\n[speech]\nopen = "<|speak|>"\nclose = "<|done|>"\nfirst_code = "<|code_0|>"\n'
        f"groups = 2\ncodes_per_group = {codes_per_group}\n"
    )
    if phonemes:
        table += f'first_phoneme = "<|phoneme_0|>"\nphonemes = {json.dumps(list(phonemes))}\n'
    return table


def _known_words(toml: str) -> list[str]:
    texts = [toml, *(p.read_text(encoding="utf-8") for p in catalogue.SHIPPED.parent.glob("personas/*.toml"))]
    return sorted({w for text in texts for w in re.findall(r"[a-z]+|\.", text.lower())})


class _Draw:
    """Normal matrices scaled so that a layer keeps the size of its input."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def normal(self, rows: int, columns: int, gain: float = 1.0) -> Matrix:
        drawn = self._generator.standard_normal((rows, columns), dtype=np.float32)
        return (drawn * np.float32(gain / np.sqrt(columns))).astype(np.float32)


def _gguf() -> Any:
    try:
        import gguf
    except ImportError as e:
        raise MissingExtra("random models need the gguf package", remedy="pip install gguf") from e
    return gguf


def _open(
    path: Path,
    architecture: str,
    width: int,
    context: int,
    vocab_words: int,
    seed: int,
    extra: Sequence[str],
    sounds: Sequence[str] = (),
) -> tuple[Any, _Draw]:
    writer = _gguf().GGUFWriter(path, architecture)
    writer.add_name(f"random-{architecture}-{seed}")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    specials = special_tokens()
    tokens = [*specials, *_byte_letters(), *("Ġ" + w for w in [*words(vocab_words), *extra]), *sounds]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    num_normal = len(tokens) - len(specials) - len(sounds)
    writer.add_token_types([_CONTROL] * len(specials) + [_NORMAL] * num_normal + [_CONTROL] * len(sounds))
    # llama.cpp insists on a list of merges. This one makes a token that does not exist, so it is spelt.
    writer.add_token_merges([f"{_byte_letters()[0]} {_byte_letters()[0]}"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)
    writer.add_vocab_size(len(tokens))
    return writer, _Draw(seed)


def _byte_letters() -> list[str]:
    """GPT-2's printable letter for each byte, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(rest)) for b in range(256)]


def _add_attention_facts(writer: Any, layers: int, width: int, heads: int, kv_heads: int | list[int]) -> None:
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(1)


def _add_ends(
    writer: Any, draw: _Draw, norm: str, width: int, vocab_words: int, num_extra: int, num_sounds: int = 0
) -> None:
    num_specials = len(special_tokens())
    num_texts = num_specials + 256 + vocab_words + num_extra
    rows = num_texts + num_sounds
    _matrix(writer, "token_embd.weight", draw.normal(rows, width, gain=float(np.sqrt(width))))
    output = draw.normal(rows, width, gain=4.0)
    output[:num_specials] = 0.0
    output[num_texts:] *= 5.0
    _matrix(writer, "output.weight", output)
    writer.add_tensor(norm, np.ones(width, np.float32))


def _add_norms(writer: Any, layer: int, width: int) -> None:
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(width, np.float32))


def _add_attention(writer: Any, draw: _Draw, layer: int, width: int, heads: int, kv_heads: int) -> None:
    kv_width = width // heads * kv_heads
    _matrix(writer, f"blk.{layer}.attn_q.weight", draw.normal(width, width, gain=1.5))
    _matrix(writer, f"blk.{layer}.attn_k.weight", draw.normal(kv_width, width, gain=1.5))
    _matrix(writer, f"blk.{layer}.attn_v.weight", draw.normal(kv_width, width, gain=2.0))
    _matrix(writer, f"blk.{layer}.attn_output.weight", draw.normal(width, width, gain=2.0))


def _add_feed_forward(writer: Any, draw: _Draw, layer: int, width: int) -> None:
    _matrix(writer, f"blk.{layer}.ffn_gate.weight", draw.normal(2 * width, width))
    _matrix(writer, f"blk.{layer}.ffn_up.weight", draw.normal(2 * width, width))
    _matrix(writer, f"blk.{layer}.ffn_down.weight", draw.normal(width, 2 * width))


def _matrix(writer: Any, name: str, matrix: Matrix) -> None:
    writer.add_tensor(name, matrix.astype(np.float16))


def _close(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
