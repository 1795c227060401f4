"""Figures of reports, drawn with matplotlib: a file a kind of report, and what they share."""
