"""Small programs for those who build this project; nothing here is deployed."""
