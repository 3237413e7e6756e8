"""The one way in which configuration changes: rules, the store, the engine, the catalogue, and who changed what."""
