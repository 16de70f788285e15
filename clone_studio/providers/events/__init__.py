"""The event bus of several processes."""
