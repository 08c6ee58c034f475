"""Previews of objects as the API gives them: what callers send, and the shapes that they want back."""
