"""Processes: everything together, the dashboard alone, the demo, a server for a while."""
