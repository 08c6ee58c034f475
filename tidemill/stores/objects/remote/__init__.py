"""What backends that are reached over HTTP share."""
