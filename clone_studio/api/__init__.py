"""REST API: one FastAPI router per resource."""
