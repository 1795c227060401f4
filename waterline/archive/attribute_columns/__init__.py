"""Attributes as columns: which members of a batch become columns, there and exactly back."""
