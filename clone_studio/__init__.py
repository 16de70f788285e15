"""Clone Studio: turn a person's own material into an AI clone that answers with proof."""

__version__ = "0.1.0"
