"""A front for test_shell.py that starts a worker, sets it to work without an end, and tells its pid."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from sensorium.wire import framing
from sensorium.wire.records import FromSpeech, PhraseSpoken, Say

ours, theirs = socket.socketpair()
worker = subprocess.Popen(
    [sys.executable, str(Path(__file__).with_name("echo_worker.py")), "--fd", str(theirs.fileno())],
    pass_fds=[theirs.fileno()],
)
ours.sendall(framing.encode(Say(1, "compute")))
decoder = framing.Decoder(FromSpeech)
while not any(isinstance(record, PhraseSpoken) for record, _ in decoder.feed(ours.recv(65536))):
    pass
print(worker.pid, flush=True)
worker.wait()
