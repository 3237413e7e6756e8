"""Load on the edge and on its peers: the same calls by SIPp, the same figures for all.

`python -m loadtest` compares; `loadtest.overload`, `loadtest.soak` and `loadtest.crash` each hold the edge to one
promise. Everything stays on 127.0.0.0/8 and is bounded in time.
"""
