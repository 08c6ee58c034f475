"""Claims jobs, runs them and reports."""
