"""From a request in plain English to a spec with evidence.

claims: what may be said. tokens, sentences, scope, document: the text taken apart. rules_*: the offline reader.
evidence: is a claim supported by its source. assemble: claims, answers, options and repository facts become one spec,
or questions.
"""
