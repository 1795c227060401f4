"""A workbench on a lake: the archives of several nodes, and what is still hot on each."""
