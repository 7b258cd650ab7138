"""What the check `bench` is made of: the project that it executes, and two programs."""
