"""The room as it is served: to its own page, to programs, to whoever measures it."""
