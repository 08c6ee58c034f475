"""The S3 endpoint: what S3 clients speak, over the one object service."""
