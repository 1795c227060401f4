"""WebSockets: frames, messages, connections."""
