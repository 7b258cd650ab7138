"""A machine of its own under software emulation, with another kernel: what it is made of, and how it is run."""
