"""Who may ask for what: keys, roles, organizations and their rules, bans, the same request twice."""
