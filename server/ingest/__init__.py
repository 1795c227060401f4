"""Where logs come in: endpoints, what they decode, and what they answer."""
