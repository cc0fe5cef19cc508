"""The Panel dashboard: what is winning, how sure we are, what it is worth."""
