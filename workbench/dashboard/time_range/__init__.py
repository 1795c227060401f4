"""A component of Panel to choose a range of time; it needs nothing else of Waterline."""
