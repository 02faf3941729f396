"""What crosses a process border: records and their framing."""
