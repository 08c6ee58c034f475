"""Sessions over drivers that block: their calls go to threads, one at a time for each connection."""
