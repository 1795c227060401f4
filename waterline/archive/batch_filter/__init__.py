"""Filters of batches: which messages and values a batch surely does not have."""
