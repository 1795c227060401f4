"""Patterns: messages that differ only in their values, counted and compared between two ranges."""
