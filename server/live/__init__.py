"""Live feed: hub, filters and catch-up; the endpoint is `server/tail`."""
