"""Writes a trained mind as GGUF: `python -m training.mind.export [--run mind-full] [--out FILE]`.

Without --out it becomes the bundle's mind.gguf, its SHA-256 goes to bundle.toml, and golden answers of the
torch model are written for the tests. Knows nothing of training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from training.mind.exam import draw_exam
from training.mind.model import NORM_EPS, ROPE_BASE, Mind, Shape
from training.mind.render import render
from training.mind.train import RUNS
from training.mind.vocabulary import BEGIN, END, NUM_SPECIALS, PAD, token_texts

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "src" / "sensorium" / "bundles" / "nano"
GOLDEN = ROOT / "tests" / "unit" / "training" / "golden_mind.json"


def load_mind(weights: Path) -> Mind:
    """A trained model in float32, from the file that training leaves."""
    kept = torch.load(weights, weights_only=True)
    mind = Mind(Shape(**kept["shape"]))
    mind.load_state_dict({name: value.float() for name, value in kept["weights"].items()})
    return mind.eval()


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
    _add_tokenizer(writer)
    for name, value in _tensors(mind):
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    tokens = token_texts()
    control, normal = int(gguf.TokenType.CONTROL), int(gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("gpt2")
    # This pre-tokenizer looks a whole word up before it tries to merge: one token for each word of the world.
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(list(tokens))
    writer.add_token_types([control] * NUM_SPECIALS + [normal] * (len(tokens) - NUM_SPECIALS))
    # The format wants merges. This one never applies: 0xFF occurs in no UTF-8 text.
    writer.add_token_merges(["ÿ ÿ"])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)


def _tensors(mind: Mind) -> list[tuple[str, np.ndarray[Any, Any]]]:
    def half(value: torch.Tensor) -> np.ndarray[Any, Any]:
        return value.detach().numpy().astype(np.float16)

    def full(value: torch.Tensor) -> np.ndarray[Any, Any]:
        return value.detach().numpy().astype(np.float32)

    tensors = [
        ("token_embd.weight", half(mind.embedding.weight)),
        ("output_norm.weight", full(mind.norm.weight)),
    ]
    for i, layer in enumerate(mind.layers):
        q, k, v = layer.qkv.weight.chunk(3)
        gate, up = layer.gate_up.weight.chunk(2)
        matrices = {"attn_q": q, "attn_k": k, "attn_v": v, "attn_output": layer.out.weight}
        matrices |= {"ffn_gate": gate, "ffn_up": up, "ffn_down": layer.down.weight}
        tensors += [(f"blk.{i}.{name}.weight", half(value)) for name, value in matrices.items()]
        tensors.append((f"blk.{i}.attn_norm.weight", full(layer.attention_norm.weight)))
        tensors.append((f"blk.{i}.ffn_norm.weight", full(layer.hidden_norm.weight)))
    return tensors


@torch.no_grad()
def write_golden(mind: Mind, out: Path, *, num: int = 8, top: int = 5) -> None:
    """Prompts with the torch model's best next tokens and their log-probabilities, for a test of the GGUF."""
    golden = []
    for split, play in draw_exam(1, splits=("train",), seed=42)[:: max(1, 21 // num)]:
        ids = render(play, with_reply=False).ids
        logits = mind.logits(mind.states(torch.tensor([ids])))[0, -1]
        best = logits.log_softmax(-1).topk(top)
        golden.append(
            {
                "split": split,
                "ids": ids,
                "best": best.indices.tolist(),
                "logprobs": [round(x, 4) for x in best.values.tolist()],
            }
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(golden) + "\n")


def record_sha256(bundle: Path, path: str) -> None:
    """Puts the file's SHA-256 behind its `path` in bundle.toml."""
    digest = hashlib.sha256((bundle / path).read_bytes()).hexdigest()
    toml = bundle / "bundle.toml"
    text = toml.read_text()
    pattern = rf'(path = "{re.escape(path)}"\nsha256 = ")[0-9a-f]*(")'
    changed, num = re.subn(pattern, rf"\g<1>{digest}\g<2>", text)
    if num != 1:
        raise SystemExit(f"{toml}: no sha256 line behind path = {path!r}")
    toml.write_text(changed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="mind-full", help="folder under training/runs")
    parser.add_argument("--out", type=Path, help="only write this GGUF")
    args = parser.parse_args()
    mind = load_mind(RUNS / args.run / "weights.pt")
    if args.out:
        write_gguf(mind, args.out)
        return
    write_gguf(mind, BUNDLE / "mind.gguf")
    record_sha256(BUNDLE, "mind.gguf")
    write_golden(mind, GOLDEN)
    print(f"{BUNDLE / 'mind.gguf'}: {(BUNDLE / 'mind.gguf').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
