"""
What tests of programs that use bankcore need: Hypothesis strategies for its values.

Only public names of bankcore are used here, so whatever these make, a user could make.
Needs the extra ``bankcore[testing]``; nothing of it is loaded by ``import bankcore``.
"""
