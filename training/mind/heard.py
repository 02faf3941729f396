"""What the ear says of each word: a bank of its opinions, from which spoken messages are put together.

For each 25 Hz frame in which the word head begins a word, the mind reads the embedding to expect by the
words' probabilities there (docs/decisions/0006). So a page need not be spoken anew each time: any opinion
that the ear had at a word, in some voice and noise, stands for it. Knows nothing of pages.
"""

from __future__ import annotations

import argparse
import random
from concurrent.futures import ProcessPoolExecutor
from difflib import SequenceMatcher
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.hearing.ctc import GreedyDecoder, word_shares
from sensorium.hearing.encoder import CHUNK_SAMPLES, EarModel, Encoder
from training.ear.data import salad, utter, world_sentence
from training.ear.noise import NoiseBank, disturb
from training.ear.voices import training_style
from training.mind.vocabulary import WORD_ID

EAR = Path(__file__).parents[2] / "src" / "sensorium" / "bundles" / "nano" / "ear.onnx"
BANK = Path(__file__).parents[1] / "runs" / "heard.npz"
_MOST_OF_A_WORD, _LIKELIEST = 80, 8
_SALAD_SHARE = 0.5


class HeardWord(NamedTuple):
    """A word that the ear said, and how likely it found each of its words then, float32 (words,)."""

    word: str
    shares: NDArray[np.float32]


class Bank(NamedTuple):
    """The likeliest words, as tokens int16 (num, 8), and their shares float16 (num, 8), which sum to 1; by
    the word that was said: those of token i are rows `firsts[i]` to `firsts[i + 1]`."""

    tokens: NDArray[np.int16]
    shares: NDArray[np.float16]
    firsts: NDArray[np.int64]


def listen(model: EarModel, samples: NDArray[np.float32]) -> list[HeardWord]:
    """What the ear makes of float32 (n,), 16 kHz, with the silence that ends an utterance."""
    encoder, decoder = Encoder(model), GreedyDecoder(model.words)
    samples = np.pad(samples, (0, -len(samples) % CHUNK_SAMPLES))
    chunks = [encoder.feed(chunk) for chunk in samples.reshape(-1, CHUNK_SAMPLES)]
    heard: list[HeardWord] = []
    for frames in (*chunks, *encoder.flush()):
        for logits in frames.words:
            decoder.feed(logits[None])
            if len(decoder.words) > len(heard):
                heard.append(HeardWord(decoder.words[-1], word_shares(logits)))
    return heard


def collect(seed: int, num_utterances: int) -> list[HeardWord]:
    """Words that were heard as they were said, in all voices and noises of the ear's training."""
    rng, noise_rng = random.Random(f"heard {seed}"), np.random.default_rng(seed)
    model, bank = EarModel.load(EAR), NoiseBank(noise_rng, size=16)
    right: list[HeardWord] = []
    for _ in range(num_utterances):
        said = salad(rng, model.words) if rng.random() < _SALAD_SHARE else world_sentence(rng)
        samples = utter(rng, said, training_style(rng), {}).samples
        heard = listen(model, disturb(noise_rng, bank, samples, None))
        matches = SequenceMatcher(None, said, [h.word for h in heard], autojunk=False).get_matching_blocks()
        right += [h for block in matches for h in heard[block.b : block.b + block.size]]
    return right


def make_bank(seed: int, num_utterances: int, processes: int) -> Bank:
    """Of at most 80 opinions a word."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        share = num_utterances // (8 * processes)
        parts = pool.map(
            collect, range(8 * processes * seed, 8 * processes * (seed + 1)), [share] * 8 * processes
        )
        by_token: dict[int, list[NDArray[np.float32]]] = {}
        for part in parts:
            for heard in part:
                kept = by_token.setdefault(WORD_ID[heard.word], [])
                if len(kept) < _MOST_OF_A_WORD:
                    kept.append(heard.shares)
    counts = [len(by_token.get(token, ())) for token in range(max(WORD_ID.values()) + 1)]
    shares = np.stack([one for token in sorted(by_token) for one in by_token[token]])
    likeliest = np.argsort(-shares, 1)[:, :_LIKELIEST]
    top = np.take_along_axis(shares, likeliest, 1)
    words = np.array([WORD_ID[word] for word in EarModel.load(EAR).words], np.int16)
    top /= top.sum(1, keepdims=True)
    return Bank(words[likeliest], top.astype(np.float16), np.concatenate([[0], np.cumsum(counts)]))


def save_bank(bank: Bank, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **bank._asdict())


def load_bank(path: Path = BANK) -> Bank:
    """Raises SystemExit when there is none."""
    if not path.is_file():
        raise SystemExit(f"{path} is missing: run python -m training.mind.heard")
    with np.load(path) as kept:
        return Bank(kept["tokens"], kept["shares"], kept["firsts"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=BANK)
    parser.add_argument("--utterances", type=int, default=8_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    bank = make_bank(args.seed, args.utterances, args.processes)
    save_bank(bank, args.out)
    counts = np.diff(bank.firsts)[list(WORD_ID.values())]
    print(
        f"{len(bank.tokens)} opinions of {(counts > 0).sum()} words; fewest {np.sort(counts)[:10].tolist()}"
    )


if __name__ == "__main__":
    main()
