"""Always-on half of Waterline: ingest, durable storage, live feed, metrics."""
