"""The lake: batches of several nodes below one address, with a register of the nodes."""
