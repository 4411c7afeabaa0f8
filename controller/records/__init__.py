"""What is kept: the journal of a run, its chain, and its replay."""
