"""AI personas that see, hear and speak with people in one room, in real time, on one machine."""

import os

# onnxruntime's wheels give the machine an id and report each session to Microsoft; only this stops them.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
