"""What lives as long as the process: `listen`, `admin`, `trusted_proxies`, `limits` and `log`."""
