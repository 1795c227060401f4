"""WebSocket protocol: bytes of a socket as frames, frames as messages."""
