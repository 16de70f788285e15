"""What turns an answer into audio: words that can be said, and clips that grow."""
