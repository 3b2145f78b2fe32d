"""The classic API under `/api/v1`: small and flat, plain-text errors, the same verbs behind it."""
