"""How a run goes on this machine: its Java, its log, what the user sees, how it ends."""
