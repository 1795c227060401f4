"""Object storage: addresses, a client that checks what it puts, uploads."""
