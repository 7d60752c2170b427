"""What concerns one web server: its admission, its release, the patrol of its mount, and the probe that looks at it."""
