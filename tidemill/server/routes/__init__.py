"""One file a resource, each listed once here."""
