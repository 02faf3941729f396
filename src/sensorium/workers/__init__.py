"""One process each: socket, loop, dispatch; no decisions."""
