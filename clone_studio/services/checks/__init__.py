"""What `./studio doctor` looks at, one module for each kind of thing."""
