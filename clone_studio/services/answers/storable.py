"""Text that can be stored, whatever a client or a model sends."""


def storable(text: str) -> str:
    """Return `text` without zero bytes and halves of characters, which no database takes."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


class StorableStream:
    """Makes the pieces of a text storable; a character cut in two pieces is put together."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """Return what can be stored of the text so far and has not been returned yet."""
        text, self._half = self._half + piece, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if any("\ud800" <= character <= "\udfff" for character in text):
            # Two halves that arrived apart are one character once they stand together.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.replace("\x00", "")
