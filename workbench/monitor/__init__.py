"""The live view of a running server: `waterline monitor`."""
