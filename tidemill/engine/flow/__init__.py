"""What a flow does next: pure functions, with time, randomness and the values of expressions handed in."""
