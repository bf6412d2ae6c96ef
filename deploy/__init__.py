"""What makes a package of the gateway: run by build tools, never by the gateway, and not installed."""
