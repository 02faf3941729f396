"""The mind's files: training's weights, and the GGUF that llama.cpp reads; both can be trained on from.

Knows nothing of training and of data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import gguf
import numpy as np
import torch

from training.mind.model import NORM_EPS, ROPE_BASE, Mind, Senses, Shape
from training.mind.vocabulary import BEGIN, END, PAD, WORD_ID, is_control, token_texts


def load_mind(weights: Path) -> Mind:
    """A trained model in float32, from the file that training leaves."""
    kept = torch.load(weights, weights_only=True)
    mind = Mind(Shape(**kept["shape"]))
    mind.load_state_dict({name: value.float() for name, value in kept["weights"].items()})
    return mind.eval()


def load_trained_senses(weights: Path) -> Senses:
    """What makes that mind's embeddings, from the same file."""
    kept = torch.load(weights, weights_only=True)
    senses = Senses(kept["shape"]["width"])
    senses.load_state_dict({name: value.float() for name, value in kept["senses"].items()})
    return senses.eval()


def save_senses(mind: Mind, heard_words: Sequence[str], path: Path, senses: Senses | None = None) -> None:
    """As the house reads it, float16: the embedding of each word that the ear may hear, in its order, and, of
    a mind that sees, what makes embeddings of the eye's."""
    table = mind.embedding.weight[[WORD_ID[word] for word in heard_words]]
    arrays = {"ear_weight": table.T, "ear_bias": torch.zeros(mind.shape.width)}
    if senses is not None:
        arrays |= {"eye_weight": senses.see.weight, "eye_bias": senses.see.bias}
    np.savez(path, **{name: value.detach().half().contiguous().numpy() for name, value in arrays.items()})


def load_senses(path: Path) -> Senses:
    with np.load(path) as kept:
        senses = Senses(len(kept["eye_bias"]))
        with torch.no_grad():
            senses.see.weight.copy_(torch.from_numpy(kept["eye_weight"].astype(np.float32)))
            senses.see.bias.copy_(torch.from_numpy(kept["eye_bias"].astype(np.float32)))
    return senses


def read_gguf(path: Path) -> Mind:
    """The model that `write_gguf` wrote, to train on from. Raises SystemExit when it is another kind."""
    reader = gguf.GGUFReader(path)
    stored = {t.name: torch.from_numpy(np.array(t.data, np.float32)) for t in reader.tensors}

    def number(key: str) -> int:
        field = reader.get_field(key)
        if field is None:
            raise SystemExit(f"{path} has no {key}: it is not a mind of this program")
        return int(field.contents())

    mind = Mind(
        Shape(
            len(stored["token_embd.weight"]),
            width=number("llama.embedding_length"),
            num_layers=number("llama.block_count"),
            num_heads=number("llama.attention.head_count"),
            head_width=number("llama.attention.key_length"),
            hidden=number("llama.feed_forward_length"),
            context_tokens=number("llama.context_length"),
        )
    )
    with torch.no_grad():
        for name, value in _parameters(mind):
            value.copy_(stored[name])
    return mind


def write_gguf(mind: Mind, out: Path) -> None:
    """F16 matrices, F32 norms; the head is the embedding, so it is stored once."""
    shape = mind.shape
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("nano mind")
    writer.add_license("Apache-2.0")
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.num_layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.num_heads)
    writer.add_head_count_kv(shape.num_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPS)
    writer.add_vocab_size(shape.num_tokens)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_tokenizer(writer, shape.num_tokens)
    for name, value in _parameters(mind):
        stored = value.detach().half() if value.ndim == 2 else value.detach()
        writer.add_tensor(name, stored.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, num_tokens: int) -> None:
    tokens = token_texts()[:num_tokens]  # a mind of text only has no codes
    control, normal = int(gguf.TokenType.CONTROL), int(gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("gpt2")
    # This pre-tokenizer looks a whole word up before it tries to merge: one token for each word of the world.
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(list(tokens))
    writer.add_token_types([control if is_control(i) else normal for i in range(num_tokens)])
    # The format wants merges. This one never applies: 0xFF occurs in no UTF-8 text.
    writer.add_token_merges(["ÿ ÿ"])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)


def _parameters(mind: Mind) -> Iterator[tuple[str, torch.Tensor]]:
    """Each parameter under llama.cpp's name for it."""
    yield "token_embd.weight", mind.embedding.weight
    yield "output_norm.weight", mind.norm.weight
    for i, layer in enumerate(mind.layers):
        q, k, v = layer.qkv.weight.chunk(3)
        gate, up = layer.gate_up.weight.chunk(2)
        parts = {"attn_q": q, "attn_k": k, "attn_v": v, "attn_output": layer.out.weight}
        parts |= {"ffn_gate": gate, "ffn_up": up, "ffn_down": layer.down.weight}
        parts |= {"attn_norm": layer.attention_norm.weight, "ffn_norm": layer.hidden_norm.weight}
        for name, value in parts.items():
            yield f"blk.{i}.{name}.weight", value
