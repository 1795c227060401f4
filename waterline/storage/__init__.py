"""Data folder, SQLite files and their tables."""
