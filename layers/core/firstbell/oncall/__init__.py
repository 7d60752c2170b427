"""What wants a person: signals of the functions become incidents, told once, clearly, and resolved."""
