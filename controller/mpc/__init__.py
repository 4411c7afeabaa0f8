"""Model-predictive control: estimation of the state, solution of the problem, and the process it is solved in."""
