"""What happens, in which order, what undoes it, and when a person is asked. Deterministic: no I/O, no SQL, no HTTP."""
