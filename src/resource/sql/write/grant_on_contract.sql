GRANT {permissions} ON CONTRACT::{contract} TO {principal}
