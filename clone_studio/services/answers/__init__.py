"""How an answer comes about: from the question to the stored message. `services.chat` drives it."""
