"""Text in the two forms a model may want it: spoken words, or written as it came but clean.

Everything from outside passes here before it stands in a prompt. Knows nothing of frames, tokens or tiers.

Spoken form: lower-case words, each with one space before it; numbers as words; no punctuation, but a lone
" ." for a sentence end where sentences are kept apart. Contractions are written out ("i'm" and "im" become
"i am", "what's" becomes "what is"); any other apostrophe just goes ("joe's" becomes "joes").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from sensorium.prompting.numerals import digits_to_words

# Letters that no Unicode decomposition takes apart.
_FOLD = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŋ": "ng",
     "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "−": "-", "⁄": "/"}
)  # fmt: skip
_MARKS_ON_ASCII = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
# A tag or a special token; "3 < 4" is neither.
_MARKUP = re.compile(r"<[/|!a-z][^<>]{0,200}>")
_INITIALS = re.compile(r"\b(?:[a-z]\.){2,}")
_STOPS = frozenset(".!?。！？\u2026")

_IRREGULAR = {"can't": "can not", "won't": "will not", "shan't": "shall not", "let's": "let us"}
_ENDINGS = {"n't": " not", "'m": " am", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would"}
_IS_AFTER = frozenset(
    ("it", "he", "she", "that", "this", "what", "who", "where", "when", "how", "why", "there", "here")
)
_CONTRACTION = re.compile(r"\b([a-z]+?)(n't|'m|'re|'ve|'ll|'d|'s)\b")
# The same, as an ear or a hasty hand leaves them; only those that are no words of their own.
_BARE = {
    "im": "i am", "ive": "i have", "youre": "you are", "youve": "you have", "theyre": "they are",
    "theyve": "they have", "weve": "we have", "dont": "do not", "doesnt": "does not", "didnt": "did not",
    "isnt": "is not", "arent": "are not", "wasnt": "was not", "werent": "were not", "cant": "can not",
    "cannot": "can not", "couldnt": "could not", "wouldnt": "would not", "shouldnt": "should not",
    "havent": "have not", "hasnt": "has not", "whats": "what is", "thats": "that is", "whos": "who is",
    "wheres": "where is", "hows": "how is", "theres": "there is",
}  # fmt: skip


class _Separators(dict[int, str]):
    """For str.translate: what is no letter becomes a space, a sentence end a word of its own."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char.isalpha() or unicodedata.category(char).startswith("M"):
            return char
        if char == "'":
            return ""
        return " . " if char in _STOPS else " "


_SEPARATE = _Separators()
_SEPARATE.update({code: _SEPARATE[code] for code in range(128)})


# The same message is read by every persona, and twice by the guard: 8 us each time.
@lru_cache(maxsize=2048)
def spoken(text: str, *, stops: bool = True) -> str:
    """The text as words to be said: " your name is maya ." (one space before each word, "" for nothing).

    `stops` keeps sentence ends as " ."; people's own messages go without. Idempotent.
    """
    text = digits_to_words(_plain(text).replace("%", " percent ").replace("&", " and "))
    words: list[str] = []
    for word in text.translate(_SEPARATE).split():
        if word != ".":
            words.append(_BARE.get(word, word))
        elif stops and words and words[-1] != ".":
            words.append(word)
    return "".join(f" {word}" for word in words)


def written(text: str, names: Iterable[str] = ()) -> str:
    """Spoken words for the eye: " i like tea ." becomes "I like tea."; `names` are shown as given."""
    shown = {"i": "I"} | {name.lower(): name for name in names}
    pieces: list[str] = []
    starts_sentence = True
    for word in text.split():
        if word == ".":
            pieces.append(word)
            starts_sentence = True
            continue
        word = shown.get(word, word)
        pieces.append((" " if pieces else "") + (word[:1].upper() + word[1:] if starts_sentence else word))
        starts_sentence = False
    return "".join(pieces)


@lru_cache(maxsize=2048)
def clean(text: str) -> str:
    """The text as it came, in NFC, without control characters, lone surrogates and outer whitespace."""
    kept = (c for c in unicodedata.normalize("NFC", text) if c in "\n\t" or _is_printable(c))
    return "".join(kept).strip()


def clean_line(text: str) -> str:
    """`clean`, on one line: for names and facts."""
    return " ".join(clean(text).split())


def _is_printable(char: str) -> bool:
    # Cf (joiners, direction marks) shapes real scripts and emoji; Cc, Cs, Co and Cn carry nothing to read.
    category = unicodedata.category(char)
    return category[0] != "C" or category == "Cf"


def _plain(text: str) -> str:
    """Lower case, ASCII letters where possible, no markup, no contractions."""
    text = text.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_FOLD)).casefold().translate(_FOLD)
        text = unicodedata.normalize("NFC", _MARKS_ON_ASCII.sub("", text))
    text = _MARKUP.sub(" ", text.replace("`", "'"))
    if "'" in text:
        text = _CONTRACTION.sub(_write_out, text)
    return _INITIALS.sub(lambda m: m[0].replace(".", ""), text) if "." in text else text


def _write_out(match: re.Match[str]) -> str:
    whole, stem, ending = match[0], match[1], match[2]
    if whole in _IRREGULAR:
        return _IRREGULAR[whole]
    if ending == "'s":
        return f"{stem} is" if stem in _IS_AFTER else f"{stem}s"
    return stem + _ENDINGS[ending]
