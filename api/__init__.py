"""HTTP only: envelope, who is calling, schemas with the wire's aliases, routes per audience."""
