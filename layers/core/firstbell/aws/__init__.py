"""One thin typed adapter per AWS service; the only package that makes boto3 clients."""
