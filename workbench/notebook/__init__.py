"""Notebook: how logs show themselves in a cell, and the cells of SQL."""
