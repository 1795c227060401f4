"""Archives: verified, compressed batches of logs. Never imported by the serving process."""
