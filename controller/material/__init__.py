"""Material: how long it stays in each unit, where each lot is, what is diverted, and what may be released."""
