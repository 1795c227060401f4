"""The report: everything a data folder tells of itself, as one page and as text."""
