"""Tables, repositories, migrations and the journal."""
