"""What is decided about groups of upstream addresses."""
