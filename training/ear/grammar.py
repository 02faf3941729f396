"""The pocketsphinx bridge's grammar and dictionary, from nano's world: `python -m training.ear.grammar`.

All templates as one tree of shared beginnings (the recognizer compiles every alternative anew), one JSGF rule
per category, an optional name before and after. Templates that repeat any words are left out: nothing holds
them. Pronunciations come from the dictionary in the pocketsphinx wheel.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import pocketsphinx

from training.ear.bundle import BUNDLE, record
from training.world import INTENTS, KEYS, ONES, PERSON_KEYS, PERSONAS, TENS, WORDS, slots

GRAMMAR, DICTIONARY = BUNDLE / "world.gram", BUNDLE / "world.dict"
_NOT_FINITE = "words"
_LIKED = ("food", "drink", "topic", "hobby", "sport")
_MISSING = {
    "jeweller": "JH UW AH L ER",
    "smoothies": "S M UW DH IY Z",
    "yara": "Y AA R AH",
    "yoghurt": "Y OW G ER T",
    "yusuf": "Y UW S UH F",
    "ziggy": "Z IH G IY",
}


def grammar() -> str:
    """The JSGF text; `<utterance>` is its public rule."""
    rules = {
        "utterance": "[<address>] <said> [<persona>]",
        "address": "[hello | so | well | dear] <persona> [please | now]",
        "persona": _any(PERSONAS),
        "said": _tree([line.split() for name in INTENTS for line in _lines(name)]),
        **{f"c_{category}": _any(words) for category, words in WORDS.items()},
        "c_key": _any(key.replace("_", " ") for key in KEYS),
        "c_pkey": _any(PERSON_KEYS),
        "c_value": _any(f"<c_{c}>" for c in dict.fromkeys(KEYS.values()) if c != "number") + " | <c_age>",
        "c_pvalue": "<c_value>",
        "c_like": f"[<c_adjective>] ({_any(f'<c_{c}>' for c in _LIKED)})",
        "c_seen": "<c_colour> <c_shape>",
        "c_a": f"{_any(ONES)} | twenty",
        "c_b": "<c_a>",
        "c_age": f"{_any(ONES)} | ({_any(TENS)}) [{_any(ONES[1:10])}]",
    }
    used = _reachable(rules)
    body = [f"{'public ' * (n == 'utterance')}<{n}> = {text};" for n, text in rules.items() if n in used]
    return "#JSGF V1.0;\ngrammar world;\n" + "\n".join(body) + "\n"


def dictionary(words: set[str]) -> str:
    """A pronunciation a line, in the form that pocketsphinx reads."""
    found: dict[str, list[str]] = {word: [] for word in words}
    path = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    for line in path.read_text(encoding="utf-8").splitlines():
        spelled, _, _ = line.partition(" ")
        word = spelled.partition("(")[0]
        if word in found:
            found[word].append(line)
    for word, phones in _MISSING.items():
        if word in words:
            found[word].append(f"{word} {phones}")
    silent = sorted(word for word, lines in found.items() if not lines)
    assert not silent, f"no pronunciation for {silent}: add them to _MISSING"
    return "\n".join(line for word in sorted(found) for line in found[word]) + "\n"


def _lines(intent: str) -> list[str]:
    entry = INTENTS[intent]
    kept = [t for t in (*entry.train, *entry.held) if _NOT_FINITE not in slots(t)]
    return [re.sub(r"\{(\w+)\}", r"<c_\1>", template) for template in kept]


def _tree(lines: list[list[str]]) -> str:
    """The lines as one expression in which those that begin alike share their beginning."""
    ways = []
    for first in dict.fromkeys(line[0] for line in lines if line):
        rests = [line[1:] for line in lines if line and line[0] == first]
        rest = _tree([r for r in rests if r])
        may_end = rest and [] in rests
        ways.append(f"{first} [{rest}]" if may_end else f"{first} ({rest})" if rest else first)
    return " | ".join(ways)


def _any(options: Iterable[str]) -> str:
    return " | ".join(options)


def _reachable(rules: dict[str, str]) -> set[str]:
    seen, todo = set(), ["utterance"]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += re.findall(r"<(\w+)>", rules[name])
    return seen


def _words(text: str) -> set[str]:
    body = text.partition("grammar world;")[2]
    return set(re.findall(r"[a-z']+", re.sub(r"<\w+>|public", " ", body)))


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    text = grammar()
    GRAMMAR.write_text(text, encoding="utf-8")
    DICTIONARY.write_text(dictionary(_words(text)), encoding="utf-8")
    for role, path in (("grammar", GRAMMAR), ("dictionary", DICTIONARY)):
        record(role, path)
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
