"""Pure UI functions that take Vars and handlers as arguments."""
