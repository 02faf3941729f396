"""Programs that measure: a table for people, then one JSON line."""
