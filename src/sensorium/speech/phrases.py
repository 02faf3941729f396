"""From pieces of text as a model decodes them to phrases that can be spoken. Pure.

Knows nothing of sound. Never changes or drops a character: the phrases joined are the text.
"""

from __future__ import annotations

import re

# The first phrase may be short, because somebody waits for it; later ones sound better when longer.
FIRST_COMMA_CHARS, FIRST_MAX_CHARS = 8, 48
LATER_COMMA_CHARS, LATER_MAX_CHARS = 40, 160

_SENTENCE_END = r"[.!?\u2026]+[\"'\u201d\u2019)\]]*(?=\s)|[\u3002\uff01\uff1f]|\n"
_COMMA = r"[,;:](?=\s)|[\u3001\uff0c\uff1b\uff1a]|[\u2013\u2014](?=\s)"
_BORDER = re.compile(f"(?P<sentence>{_SENTENCE_END})|(?P<comma>{_COMMA})")
_ABBREVIATION = re.compile(r"(?:^|\W)(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|[a-z])\.$", re.IGNORECASE)
_SPEAKABLE = re.compile(r"\w")


class PhraseSplitter:
    """The phrases of one turn. How the text was cut into pieces does not matter for where the phrases end."""

    def __init__(self) -> None:
        self._text = ""
        self._is_first = True

    def feed(self, piece: str) -> list[str]:
        """The phrases that are complete now."""
        text = self._text + piece
        phrases: list[str] = []
        start = 0
        while (size := _phrase_size(text, start, is_first=self._is_first)) is not None:
            phrases.append(text[start : start + size])
            start += size
            self._is_first = False
        self._text = text[start:]
        return phrases

    def flush(self) -> list[str]:
        """What is left at the end of the turn; the splitter is then as new."""
        rest, self._text, self._is_first = self._text, "", True
        return [rest] if rest else []


def is_speakable(phrase: str) -> bool:
    """Has a letter or a digit; an engine would make nothing of the rest."""
    return _SPEAKABLE.search(phrase) is not None


def _phrase_size(text: str, start: int, *, is_first: bool) -> int | None:
    comma_chars = FIRST_COMMA_CHARS if is_first else LATER_COMMA_CHARS
    max_chars = FIRST_MAX_CHARS if is_first else LATER_MAX_CHARS
    # One more than the bound, because a border shows in the character after it.
    window = text[start : start + max_chars + 1]
    for border in _BORDER.finditer(window):
        end = border.end()
        if end > max_chars:
            break
        if border["comma"] and end < comma_chars:
            continue
        if not is_speakable(window[:end]) or _ABBREVIATION.search(window[:end]):
            continue
        return end
    return None if len(window) <= max_chars else _word_end(window, max_chars)


def _word_end(text: str, max_chars: int) -> int:
    """The last border between words within the bound; a text without any is cut at the bound."""
    for end in range(max_chars, 0, -1):
        if text[end].isspace() and is_speakable(text[:end]):
            return end
    return max_chars
