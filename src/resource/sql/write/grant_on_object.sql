GRANT {permissions} ON OBJECT::{schema}.{object} TO {principal}
