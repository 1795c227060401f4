"""Log files turned into logs: pure functions and iterators, no network."""
