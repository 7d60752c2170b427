"""The ways to tell somebody: each knows its own format, limits and errors, and none knows another."""
