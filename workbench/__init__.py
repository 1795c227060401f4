"""The analyst's half of Waterline."""
