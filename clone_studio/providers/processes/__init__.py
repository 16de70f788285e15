"""Child processes: started, bounded and spoken to."""
