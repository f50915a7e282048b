"""Pure decisions: which objects are meant, what may go. Clock, accounts and liveness come from the caller."""
