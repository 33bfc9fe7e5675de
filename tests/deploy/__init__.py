"""The local stack: its supervisor, and each part that it starts."""
