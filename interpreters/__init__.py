"""What every operation computes, exactly, on NumPy arrays."""
