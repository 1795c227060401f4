"""A workbench on a data folder behind a server, over the network."""
