"""Alerts: their rules, what became of them, and the same as rules of Prometheus."""
