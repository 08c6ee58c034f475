"""What is inside of objects: reads the part that is asked for, in processes that can do nothing else."""
