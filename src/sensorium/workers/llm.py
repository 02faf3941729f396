"""The language model worker: prompts of many turns in, their replies out.

Dispatch only: what is computed next is decided in `inference/scheduler.py`. One thread computes and handles
what came between two batches; the shell's reader thread fills the mailbox meanwhile.
"""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Any

from sensorium.bundles import catalogue
from sensorium.bundles.catalogue import Bundle
from sensorium.clock import Clock, SystemClock
from sensorium.errors import SensoriumError
from sensorium.inference import jobs
from sensorium.inference.adapters import Adapters
from sensorium.inference.backend import Backend
from sensorium.inference.jobs import Request, Urgency
from sensorium.inference.llama import KV_TYPES, LlamaBackend, LlamaConfig
from sensorium.inference.register import load_path
from sensorium.inference.scheduler import Limits, Scheduler
from sensorium.inference.stats import values
from sensorium.inference.tokenizer import Tokenizer
from sensorium.wire.records import (
    AdapterLoaded,
    Began,
    Cancel,
    Failed,
    Finished,
    Generate,
    Inspect,
    LoadAdapter,
    Record,
    Said,
    Settle,
    Settled,
    ToLlm,
)
from sensorium.workers import shell
