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
        self._text += piece
        phrases: list[str] = []
        while (end := _phrase_end(self._text, is_first=self._is_first)) is not None:
            phrases.append(self._text[:end])
            self._text = self._text[end:]
            self._is_first = False
        return phrases

    def flush(self) -> list[str]:
        """What is left at the end of the turn; the splitter is then as new."""
        rest, self._text, self._is_first = self._text, "", True
        return [rest] if rest else []


def is_speakable(phrase: str) -> bool:
    """Has a letter or a digit; an engine would make nothing of the rest."""
    return _SPEAKABLE.search(phrase) is not None


def _phrase_end(text: str, *, is_first: bool) -> int | None:
    comma_chars = FIRST_COMMA_CHARS if is_first else LATER_COMMA_CHARS
    max_chars = FIRST_MAX_CHARS if is_first else LATER_MAX_CHARS
    for border in _BORDER.finditer(text):
        end = border.end()
        # Only what a longer text would not decide differently: the length bound comes first.
        if end > max_chars:
            break
        if border["comma"] and end < comma_chars:
            continue
        if not is_speakable(text[:end]) or _ABBREVIATION.search(text[:end]):
            continue
        return end
    return None if len(text) <= max_chars else _word_end(text, max_chars)


def _word_end(text: str, max_chars: int) -> int:
    """The last border between words within the bound; a text without any is cut at the bound."""
    for end in range(max_chars, 0, -1):
        if text[end].isspace() and is_speakable(text[:end]):
            return end
    return max_chars
