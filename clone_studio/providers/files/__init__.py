"""Storage of uploaded documents."""
