"""Fuzzing that follows the code: `make guided TARGET=pictures FUZZ_SECONDS=600`, which installs atheris.

Where hypothesis tries what somebody thought of, libFuzzer keeps whatever reaches a line that nothing
reached before. It sees our own code, not that of the native libraries below. What it keeps is in
build/guided/TARGET, so the next run goes on from there; what failed is a file build/guided/TARGET-crash-...,
to be given back as an argument.
Source: atheris, github.com/google/atheris.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sensorium"]):
    from tests.fuzz.targets import TARGETS, attempt

KEPT = Path("build") / "guided"


def main() -> None:
    name, *options = sys.argv[1:] or [""]
    if name not in TARGETS:
        print(f"no target called {name!r}; there is: {', '.join(TARGETS)}", file=sys.stderr)
        raise SystemExit(2)
    target, corpus = TARGETS[name], KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    settings = [f"-artifact_prefix={KEPT}/{name}-", "-max_len=65536", "-timeout=10", "-rss_limit_mb=2048"]
    files = [option for option in options if not option.startswith("-")]
    given = options if files else [*options, str(corpus)]
    atheris.Setup([sys.argv[0], *settings, *given], lambda data: attempt(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
