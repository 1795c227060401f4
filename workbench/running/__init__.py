"""Processes: everything together, the dashboard alone, a server for a while."""
