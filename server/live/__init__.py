"""The live feed: the hub, its readers and what they choose."""
