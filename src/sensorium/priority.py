"""The place of a thread in the queue for a core: the loop first, then the senses, then everything else.

They compute little and often, somebody hears when they are late, and a mind that reads a long prompt takes
all cores there are. The loop does least of all, and everybody waits for it. Where the system does not grant
it they queue as everybody does; in real time Linux keeps a twentieth of each core for the rest.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# In real time, the larger first.
SENSES, LOOP = 1, 2
_NICE = -10


def raise_own(real_time: int = SENSES) -> str:
    """Of the calling thread, not of what it starts; "real-time", "raised" or "normal": what the system
    granted."""
    with suppress(OSError, AttributeError):  # not every system knows it, most do not grant it
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(real_time))
        return "real-time"
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        return "raised"
    return "normal"


@contextmanager
def before_others() -> Iterator[None]:
    """Inside, the calling thread is in front of all others, where that is granted."""
    before = 0
    with suppress(OSError, AttributeError):
        before = os.getpriority(os.PRIO_PROCESS, 0)
    raise_own(LOOP)
    try:
        yield
    finally:
        with suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, 0, before)


def granted() -> str:
    """What the loop would get, for `sensorium doctor`: tried in a thread that ends with it."""
    found: list[str] = []
    trying = threading.Thread(target=lambda: found.append(raise_own(LOOP)))
    trying.start()
    trying.join()
    return found[0]
