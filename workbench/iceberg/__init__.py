"""A lake as an Iceberg table for other engines: its batches as they lie, none rewritten."""
