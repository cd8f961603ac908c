"""Effects: the protocol of a target, the journal, and the executor that asks the ledger before each."""
