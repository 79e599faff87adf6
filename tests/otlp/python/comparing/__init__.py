"""What compare.py and fold_deltas.py are made of."""
