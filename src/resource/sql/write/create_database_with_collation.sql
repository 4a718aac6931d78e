CREATE DATABASE {database} COLLATE {collation}
