"""BigQuery, over its REST interface."""
