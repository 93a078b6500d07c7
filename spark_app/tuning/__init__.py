"""Settings as equations, tried on the driver, and what is learnt from that."""
