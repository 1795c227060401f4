"""The bench: what this machine does with Waterline, and the load that measures it."""
