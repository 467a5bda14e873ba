"""What a worker needs of sipyco, written anew from its documented behaviour (tests/artiq/README.md)."""
