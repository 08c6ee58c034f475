"""What runs inside of an evaluator."""
