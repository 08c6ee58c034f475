"""How a program is started, limited and killed."""
