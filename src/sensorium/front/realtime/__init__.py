"""OpenAI's protocols for the room: Realtime sessions, chat completions, the list of models."""
