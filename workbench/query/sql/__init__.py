"""SQL over a data folder: DuckDB reads hot and archived logs as one relation."""
