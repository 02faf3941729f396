"""What personas can do beside talking: tools, their loading, and the two that ship. Runs in a worker only."""
