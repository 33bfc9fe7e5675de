"""`claims demo`: a small shop, its customers, and what becomes of their orders; every result is checked."""
