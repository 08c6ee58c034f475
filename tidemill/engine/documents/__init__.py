"""Scripts for document databases: reading them, binding their arguments, and BSON in and out. No I/O."""
