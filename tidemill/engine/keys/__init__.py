"""Scripts for key-value stores: reading their commands, binding their arguments, and replies in JSON. No I/O."""
