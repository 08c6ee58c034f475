"""Our own Postgres, and the only place with our SQL."""
