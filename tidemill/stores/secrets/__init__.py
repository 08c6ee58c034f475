"""Who holds the root key that wraps the workspaces keys: one port, one file a key holder."""
