"""The SQLite file: personas, recipes, rooms, messages, media, memories, turns."""
