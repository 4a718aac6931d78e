ALTER DATABASE {database} SET AUTO_CLOSE {switch}
