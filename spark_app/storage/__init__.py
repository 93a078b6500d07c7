"""What is kept on disk or in a bucket, and how it comes there whole."""
