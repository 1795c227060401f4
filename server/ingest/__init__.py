"""Ingest of logs: endpoints, request bodies, large messages and replies."""
