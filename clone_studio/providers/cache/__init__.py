"""Short-lived values: in memory, or shared by Redis."""
