"""What receiver.py is made of."""
