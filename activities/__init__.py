"""What a workflow's steps do: short, each in one transaction or around one call, idempotent by business key."""
