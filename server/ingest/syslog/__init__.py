"""Syslog over TCP and UDP: framing, listeners, and the way into the writer. It has no acks."""
