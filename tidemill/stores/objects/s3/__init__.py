"""Buckets of Amazon S3 and of all that speak like it: Cloudflare R2, MinIO, Ceph and others."""
