"""Configuration that changes under calls: what the API shows is what the next INVITE meets.

phones      carriers and agents over UDP, which know nothing of the edge
api         one who asks the API, over one connection
shown       what the API shows, and what a call must meet by it
dice        one change at random, as a request
proof       change, look, call, compare; calls that go on meanwhile
"""
