"""The whole stack on one machine: embedded PostgreSQL, Temporal dev server, gateway, mail, worker, API."""
