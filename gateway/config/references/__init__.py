"""``${env:NAME}`` and ``${file:/path}``: looking them up; reading secrets again, and keeping them hidden."""
