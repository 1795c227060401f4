"""The process that answers questions over the network: `waterline query`."""
