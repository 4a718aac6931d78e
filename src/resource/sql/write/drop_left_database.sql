IF DB_ID({name}) IS NOT NULL
    DROP DATABASE {database}
