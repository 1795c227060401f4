"""`waterline backup` and `waterline restore`: a file a command."""
