"""Use cases, free of any web framework."""
