"""The records that every floor above speaks in: frozen, one type for table, store and engine."""
