"""Snapshots of a data folder, one each second: all that the dashboard shows beside logs."""
