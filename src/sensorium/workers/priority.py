"""The place of a worker's computing thread in the queue for a core: ears and mouths before everything else.

They compute little and often, somebody hears when they are late, and a mind that reads a long prompt takes
all cores there are. Where the system does not grant it they queue as everybody does.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

_NICE = -10


def raise_own() -> str:
    """Of the calling thread; "real-time", "raised" or "normal": what the system granted."""
    with suppress(OSError, AttributeError):  # not every system knows it, most do not grant it
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        return "real-time"
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        return "raised"
    return "normal"


def granted() -> str:
    """What `raise_own` would get, for `sensorium doctor`: tried in a thread that ends with it."""
    found: list[str] = []
    trying = threading.Thread(target=lambda: found.append(raise_own()))
    trying.start()
    trying.join()
    return found[0]
