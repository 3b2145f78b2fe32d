"""api/classic."""
