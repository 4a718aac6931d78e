ALTER USER {user} WITH LOGIN = {login}
