"""Measurements of the studio and the pictures of its pages: `python -m bench`."""
