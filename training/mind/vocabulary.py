"""nano's tokens: 64 specials, 256 bytes, every word of the world with its leading space, sounds, codes.

Between words and codes there is room for words to come, so that no id ever moves. Knows nothing of scenes or
models.
"""

from __future__ import annotations

from training.world import REPLY_WORDS, VOCABULARY

# Order is for ever: an id is a row of the embedding.
_NAMED = (
    "<|pad|>", "<|begin|>", "<|end|>", "<|rules|>", "<|tools|>", "<|recipe|>", "<|identity|>", "<|person|>",
    "<|persona|>", "<|self|>", "<|says|>", "<|event|>", "<|memory|>", "<|percept|>", "<|time|>", "<|silent|>",
    "<|speak|>", "<|listen|>", "<|audio|>", "<|image|>", "<|touch|>", "<|interrupted|>", "<|backchannel|>",
    "<|done|>",
)  # fmt: skip
NUM_SPECIALS = 64
SPECIALS = (*_NAMED, *(f"<|reserved_{i}|>" for i in range(NUM_SPECIALS - len(_NAMED))))
PAD, BEGIN, END, SELF, SAYS, SILENT = (
    SPECIALS.index(f"<|{name}|>") for name in ("pad", "begin", "end", "self", "says", "silent")
)
FIRST_BYTE = NUM_SPECIALS
FIRST_WORD = FIRST_BYTE + 256
WORDS = (*VOCABULARY, *REPLY_WORDS)
END_OF_WORDS = FIRST_WORD + len(WORDS)
# What is spoken is spelled in sounds, too: espeak-ng's names for those of English, without stress.
PHONEMES = (
    "_", "0", "3", "3:", ";", "@", "@-", "@L", "A:", "A@", "D", "E", "I", "I#", "I2", "IR", "N", "O2", "O:",
    "O@", "OI", "S", "T", "U", "U@", "V", "VR", "Z", "a", "a#", "aI", "aI2", "aI@", "aU", "aa", "b", "d",
    "dZ", "e@", "eI", "f", "g", "h", "i", "i:", "i@", "i@3", "j", "k", "l", "m", "n", "o@", "oU", "p", "r",
    "r-", "s", "t", "t#", "t2", "tS", "t[", "u:", "v", "w", "w#", "z",
)  # fmt: skip
FIRST_PHONEME, MAX_PHONEMES = 1440, 96
PHONEME_ID = {name: FIRST_PHONEME + i for i, name in enumerate(PHONEMES)}
# Two codes make a frame of 40 ms of speech, one of each group.
FIRST_CODE, NUM_GROUPS, CODES_PER_GROUP = 1536, 2, 1_000
SIZE = FIRST_CODE + NUM_GROUPS * CODES_PER_GROUP

SPECIAL_ID = {text: i for i, text in enumerate(SPECIALS)}
WORD_ID = {word: FIRST_WORD + i for i, word in enumerate(WORDS)}


def _byte_chars() -> tuple[str, ...]:
    """GPT-2's printable stand-in for each byte, which is how a GGUF of model "gpt2" writes tokens."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    chars = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return tuple(chars[b] for b in range(256))


BYTE_CHARS = _byte_chars()
_SPACE = BYTE_CHARS[ord(" ")]


def token_texts() -> tuple[str, ...]:
    """All tokens as a GGUF writes them, by id."""
    words = (_SPACE + word for word in WORDS)
    free = (f"<|word_{i}|>" for i in range(END_OF_WORDS, FIRST_PHONEME))
    phonemes = (f"<|phoneme_{i}|>" for i in range(MAX_PHONEMES))
    codes = (f"<|code_{i}|>" for i in range(NUM_GROUPS * CODES_PER_GROUP))
    return (*SPECIALS, *BYTE_CHARS, *words, *free, *phonemes, *codes)


def is_control(i: int) -> bool:
    """No text ever becomes this token."""
    return i < NUM_SPECIALS or i >= END_OF_WORDS


_TEXTS = token_texts()


class _Encoder(dict[str, tuple[int, ...]]):
    """word -> its ids; a word outside the world is spelled in bytes, its space first."""

    def __missing__(self, word: str) -> tuple[int, ...]:
        ids = tuple(FIRST_BYTE + b for b in f" {word}".encode())
        if len(self) < 100_000:
            self[word] = ids
        return ids


_ENCODER = _Encoder({word: (i,) for word, i in WORD_ID.items()})


def encode(text: str) -> list[int]:
    """Ids of lower-case words, each taken with a space before it."""
    return [i for word in text.split() for i in _ENCODER[word]]


def decode(ids: list[int]) -> str:
    """The inverse of `encode`; special tokens appear as themselves, as words."""
    pieces = []
    for i in ids:
        if is_control(i):
            pieces.append(f" {_TEXTS[i]}".encode())
        elif i < FIRST_WORD:
            pieces.append(bytes((i - FIRST_BYTE,)))
        else:
            pieces.append(f" {WORDS[i - FIRST_WORD]}".encode())
    return b"".join(pieces).decode("utf-8", "replace").strip()
