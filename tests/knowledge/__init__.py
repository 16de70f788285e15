"""What the tests of the knowledge core share: an embedder, documents and a library."""
