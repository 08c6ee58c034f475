"""Flows as a worker brings them forward: what `engine/flow` decides, with the values and jobs that it takes."""
