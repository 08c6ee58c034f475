"""The S3 endpoint, with boto3 as the client."""
