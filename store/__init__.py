"""Tables, queries by aggregate, migrations. The only room that speaks SQL."""
