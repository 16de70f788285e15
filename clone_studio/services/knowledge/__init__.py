"""The RAG core: extract, chunk, ingest, retrieve, cite."""
