"""Turns a document into pages of clean text. Runs in a child process: its input is hostile."""
