"""Numbers alone, numpy and Numba: selection, the equations of ALS, who is alike, a score taken apart."""
