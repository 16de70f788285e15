"""Left-rail pages: one module per entry, route and layout, no logic."""
