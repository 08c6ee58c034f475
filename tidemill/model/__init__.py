"""What things are: data and the rules on their shape. Standard library only, no I/O."""
