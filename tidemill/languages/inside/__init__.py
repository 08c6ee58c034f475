"""What runs inside of the sandbox for languages that Tidemill brings an engine for; nothing of Tidemill is imported."""
