"""Governance: who may let what happen, what they signed, and how anyone can check it later. One noun a file.

A `Packet` is what will happen. People sign `Decision`s on its digest; the `Desk` takes them into the `Ledger`; `status`
counts them against the `Policy`. No effect happens but through `Desk.authorise`.
"""
