"""Speech: text to audio."""
