"""Metrics: recorded in memory, rolled up by second into metrics.db."""
