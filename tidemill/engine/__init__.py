"""What should happen: pure functions; time and randomness come in as arguments."""
