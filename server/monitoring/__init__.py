"""Monitoring endpoints: /metrics, /health and /livez."""
