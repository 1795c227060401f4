"""Object storage: addresses, a verifying client, and its errors."""
