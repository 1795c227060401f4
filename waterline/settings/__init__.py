"""Settings: one immutable value of all of them, and each value out of text."""
