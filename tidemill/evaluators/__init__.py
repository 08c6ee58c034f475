"""Evaluating expressions of flows in processes that can do nothing else."""
