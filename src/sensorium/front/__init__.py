"""The asyncio process: rooms, turns, links to the workers. Never loads a model."""
