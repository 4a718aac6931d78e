//! What a catalog view yields.

use crate::lab::sql::reply::Column;
use crate::lab::sql::value::{Type, Value};

/// A view's columns and rows.
pub(super) struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Vec<Value>>,
}

/// A table of columns and rows.
pub(super) fn table(columns: &[(&str, Type)], rows: Vec<Vec<Value>>) -> Table {
    let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
    Table { columns, rows }
}
