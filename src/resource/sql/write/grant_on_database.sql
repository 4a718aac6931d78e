GRANT {permissions} TO {principal}
