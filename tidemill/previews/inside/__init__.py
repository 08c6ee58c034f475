"""What runs in a reader process: `python -m tidemill.previews.inside <descriptor of its socket>`."""
