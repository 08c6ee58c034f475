"""PostgreSQL and what speaks its protocol, through libpq."""
