"""What was really said: append-only entries, and a reply cut to the samples that were heard.

Pure. Knows nothing of stores or prompts; it decides the words that both will hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from sensorium.history import Entry
from sensorium.wire.records import PhraseSpoken, WordSpoken

# A room may stay open for weeks; what is older is in the store.
KEPT_ENTRIES = 400


class Transcript:
    """The end of one room's conversation, oldest first: the last `KEPT_ENTRIES` at least, twice as many at
    most. Nothing is ever changed."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self._entries = tuple(entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self._entries

    def append(self, entry: Entry) -> None:
        self._entries += (entry,)
        if len(self._entries) > 2 * KEPT_ENTRIES:
            self._entries = self._entries[-KEPT_ENTRIES:]

    def __len__(self) -> int:
        return len(self._entries)


class SpokenReply:
    """Which words of one turn lie in which samples of its audio. Messages of other turns are dropped."""

    def __init__(self, turn_id: int) -> None:
        self.turn_id = turn_id
        self.num_late = 0
        self._phrases: list[PhraseSpoken] = []

    def phrase(self, phrase: PhraseSpoken) -> None:
        if phrase.turn_id != self.turn_id:
            self.num_late += 1
            return
        self._phrases.append(phrase)

    def word(self, word: WordSpoken, words: Sequence[str]) -> None:
        """The same from a mind that speaks itself, of whose reply these are the words."""
        if word.word < len(words):
            self.phrase(PhraseSpoken(word.turn_id, words[word.word], word.start_sample, word.end_sample))

    def heard_until(self, heard_samples: int) -> int:
        """The sample at which `heard_text` ends: the end of its last whole phrase, else `heard_samples`."""
        kept = [p for p in self._phrases if _heard_part(p, heard_samples)]
        if not kept:
            return 0
        whole = _heard_part(kept[-1], heard_samples) == kept[-1].text.strip()
        return kept[-1].end_sample if whole else heard_samples

    def heard_text(self, heard_samples: int) -> str:
        """The words of which at least half was played before sample `heard_samples`."""
        kept = [text for p in self._phrases if (text := _heard_part(p, heard_samples))]
        return " ".join(kept)


def _heard_part(phrase: PhraseSpoken, heard_samples: int) -> str:
    if heard_samples >= phrase.end_sample:
        return phrase.text.strip()
    words = phrase.text.split()
    num_chars = sum(len(w) + 1 for w in words)
    num_samples = phrase.end_sample - phrase.start_sample
    if heard_samples <= phrase.start_sample or not num_chars:
        return ""
    # Engines report whole phrases; inside one, a word's time is taken as its share of the letters.
    share = (heard_samples - phrase.start_sample) / num_samples
    kept, position = [], 0
    for word in words:
        if (position + len(word) / 2) / num_chars > share:
            break
        kept.append(word)
        position += len(word) + 1
    return " ".join(kept)
