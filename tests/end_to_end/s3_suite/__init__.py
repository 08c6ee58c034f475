"""How an S3 server behaves in the cases that clients stumble over, checked on ours and, for comparison, on Ceph."""
