ALTER LOGIN {login} {state}
