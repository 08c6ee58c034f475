"""Object stores: one port, one file a backend."""
