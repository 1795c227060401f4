"""The data folder and its SQLite files."""
