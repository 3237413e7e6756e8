"""Number providers and voice engines: accounts, purchases, and telling them where numbers lead."""
