"""Live feed: hub, filters and catch-up."""
