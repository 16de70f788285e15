"""Clone Studio: turn a person's own material into an AI clone that answers with proof."""

from pathlib import Path

__version__ = "0.1.0"

PROJECT_ROOT = Path(__file__).resolve().parent.parent
