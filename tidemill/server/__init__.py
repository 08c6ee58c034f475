"""The HTTP server: the API and the web pages."""
