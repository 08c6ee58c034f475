"""The web interface in headless Chromium, on a real server."""
