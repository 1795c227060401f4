"""Backups of a data folder whose server may run: taken, listed, verified and restored."""
