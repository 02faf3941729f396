"""Who speaks when. Pure state machines: no I/O, no clock of its own."""
