"""The twin: virtual time, a campus of students and an AWS that behaves and misbehaves, running the real handlers."""
