"""What the ear says of each word: a bank of its states, from which spoken messages are put together.

For each 25 Hz frame in which the word head begins a word, the mind reads that frame's state, projected, where
it would read the word itself (docs/decisions/0006). So a page need not be spoken anew each time: any
of the states that the ear had at a word, in some voice and noise, stands for it. Knows nothing of pages.
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

from sensorium.hearing.ctc import GreedyDecoder
from sensorium.hearing.encoder import CHUNK_SAMPLES, EarModel, Encoder
from training.ear.data import salad, utter, world_sentence
from training.ear.noise import NoiseBank, disturb
from training.ear.voices import training_style
from training.mind.vocabulary import WORD_ID

EAR = Path(__file__).parents[2] / "src" / "sensorium" / "bundles" / "nano" / "ear.onnx"
BANK = Path(__file__).parents[1] / "runs" / "heard.npz"
_MOST_OF_A_WORD = 80
_SALAD_SHARE = 0.5


class HeardWord(NamedTuple):
    """A word that the ear said, and its state then, float32 (256,)."""

    word: str
    state: NDArray[np.float32]


class Bank(NamedTuple):
    """`states` float16 (num, 256), by word; those of token i are rows `firsts[i]` to `firsts[i + 1]`."""

    states: NDArray[np.float16]
    firsts: NDArray[np.int64]

    def has(self, token: int) -> bool:
        return bool(self.firsts[token] < self.firsts[token + 1])


def listen(model: EarModel, samples: NDArray[np.float32]) -> list[HeardWord]:
    """What the ear makes of float32 (n,), 16 kHz, with the silence that ends an utterance."""
    encoder, decoder = Encoder(model), GreedyDecoder(model.words)
    samples = np.pad(samples, (0, -len(samples) % CHUNK_SAMPLES))
    chunks = [encoder.feed(chunk) for chunk in samples.reshape(-1, CHUNK_SAMPLES)]
    heard: list[HeardWord] = []
    for frames in (*chunks, *encoder.flush()):
        for logits, state in zip(frames.words, frames.states, strict=True):
            decoder.feed(logits[None])
            if len(decoder.words) > len(heard):
                heard.append(HeardWord(decoder.words[-1], state))
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
    """Of at most 80 states a word."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        share = num_utterances // (8 * processes)
        parts = pool.map(
            collect, range(8 * processes * seed, 8 * processes * (seed + 1)), [share] * 8 * processes
        )
        by_token: dict[int, list[NDArray[np.float32]]] = {}
        for part in parts:
            for heard in part:
                states = by_token.setdefault(WORD_ID[heard.word], [])
                if len(states) < _MOST_OF_A_WORD:
                    states.append(heard.state)
    counts = [len(by_token.get(token, ())) for token in range(max(WORD_ID.values()) + 1)]
    states = np.stack([state for token in sorted(by_token) for state in by_token[token]])
    return Bank(states.astype(np.float16), np.concatenate([[0], np.cumsum(counts)]))


def save_bank(bank: Bank, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **bank._asdict())


def load_bank(path: Path = BANK) -> Bank:
    """Raises SystemExit when there is none."""
    if not path.is_file():
        raise SystemExit(f"{path} is missing: run python -m training.mind.heard")
    with np.load(path) as kept:
        return Bank(kept["states"], kept["firsts"])


def fit(bank: Bank, embedding: NDArray[np.float32], ridge: float = 1.0) -> NDArray[np.float32]:
    """(width, 257): the projection, its bias last, that comes nearest to each word's own embedding row.

    `embedding` (tokens, width) float32. Every word counts alike.
    """
    counts = np.diff(bank.firsts)
    tokens = np.repeat(np.arange(len(counts)), counts)
    weights = 1.0 / counts[tokens]
    x = np.hstack([bank.states.astype(np.float64), np.ones((len(tokens), 1))])
    gram = (x * weights[:, None]).T @ x + ridge * 1e-3 * np.eye(x.shape[1])
    solved = np.linalg.solve(gram, (x * weights[:, None]).T @ embedding[tokens].astype(np.float64))
    return np.asarray(solved.T, np.float32)


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
    print(f"{len(bank.states)} states of {(counts > 0).sum()} words; fewest {np.sort(counts)[:10].tolist()}")


if __name__ == "__main__":
    main()
