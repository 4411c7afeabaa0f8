"""Methods for results out of trend, as quality assurance knows them: pure functions from results to outcomes."""
