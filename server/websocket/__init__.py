"""WebSocket protocol: frames, messages, connections."""
