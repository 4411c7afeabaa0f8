"""Cases of what is out of trend: how they go on, reach a run, are kept, shown and told."""
