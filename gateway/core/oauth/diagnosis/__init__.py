"""What `gateway token` says of token requests and the responses to them, kind by kind. No I/O."""
