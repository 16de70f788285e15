"""Outside things: a Protocol, the vendor and its local twin in each folder."""
