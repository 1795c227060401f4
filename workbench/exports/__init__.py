"""Exports: a range of logs as a file that other programs read."""
