"""Stand-ins for the outside, each a process of its own."""
