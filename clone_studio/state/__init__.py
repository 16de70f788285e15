"""View-models: one flat Reflex state class per page."""
