"""One leg of a call: the user agent of one side, its INVITE, its dialogs and every request inside them.

It tells its call what happened by `events`, and knows nothing of the other leg.
"""
