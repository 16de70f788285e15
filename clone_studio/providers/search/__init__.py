"""Keyword and vector index of chunks."""
