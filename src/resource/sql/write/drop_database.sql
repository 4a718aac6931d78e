DROP DATABASE {database}
