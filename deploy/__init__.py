"""How the service is run: the local stack, and what production needs."""
