"""What to do when CloudWatch raises an alarm: which tier is saturated, and how many web servers would help."""
