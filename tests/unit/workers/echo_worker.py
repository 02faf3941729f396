"""A real worker process for test_shell.py: says every `Say` back as `PhraseSpoken`."""

from __future__ import annotations

import sys
import threading

from sensorium.errors import BadInput
from sensorium.wire.records import Inspect, PhraseSpoken, Say, ToSpeech
from sensorium.workers import shell


def serve(worker: shell.Shell) -> None:
    worker.ready("echo", 0.5, {"sample_rate_hz": 8000})
    for record, payload in worker.messages():
        match record:
            case Inspect():
                worker.answer(record, {"echoes": 1})
            case Say(text="bad turn"):
                with worker.failing(record.turn_id):
                    raise BadInput("this turn is bad", remedy="another one")
            case Say(text="bad worker"):
                raise BadInput("this worker is bad")
            case Say(text="bug"):
                raise ZeroDivisionError("two\nlines")
            case Say(text="compute"):
                worker.send(PhraseSpoken(record.turn_id, "computing", 0, 0))
                threading.Event().wait()
            case Say():
                worker.send(PhraseSpoken(record.turn_id, record.text, 0, len(payload)), payload)


if __name__ == "__main__":
    args = shell.argument_parser("echo").parse_args()
    sys.exit(shell.run(args.fd, ToSpeech, serve, args.rings))
