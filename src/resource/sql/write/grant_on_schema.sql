GRANT {permissions} ON SCHEMA::{schema} TO {principal}
