"""AI personas that see, hear and speak with people in one room, in real time, on one machine."""

__version__ = "0.1.0"
