"""What is decided about logins: the requests of their steps, and what the responses give."""
