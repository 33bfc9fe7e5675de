"""Real parts for tests: PostgreSQL, Temporal."""
