"""The hosts of the check `hosts`, one a file, and what they are made of."""
