"""A shop's data on its way into the service: read from a file, sent through the feed calls."""
