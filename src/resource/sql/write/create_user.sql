CREATE USER {user} FOR LOGIN {login}
