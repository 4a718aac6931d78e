//! Tokens: what a server says, byte by byte (MS-TDS 2.2.7).

use super::column::{COLLATION, utf16_bytes, write_type, write_value};
use crate::lab::sql::reply::{Reply, Rows, SqlError, Transaction};
use crate::lab::sql::versions::Version;

const DONE: u8 = 0xFD;
const DONE_PROC: u8 = 0xFE;
const DONE_IN_PROC: u8 = 0xFF;

/// DONE: more follows.
const MORE: u16 = 0x01;
/// DONE: the statement failed.
const FAILED: u16 = 0x02;
/// DONE: it counts rows.
const COUNT: u16 = 0x10;
/// DONE: the answer to an attention.
const ATTENTION: u16 = 0x20;

/// A message of tokens.
pub struct Tokens {
    /// Its bytes.
    pub bytes: Vec<u8>,
    server: String,
}

impl Tokens {
    /// Tokens in the name of a server.
    pub fn new(server: &str) -> Tokens {
        Tokens { bytes: Vec::new(), server: server.to_owned() }
    }

    /// What a log-in that is let in is told.
    pub fn welcome(&mut self, version: &Version, database: &str, packet_bytes: usize) {
        self.environment_text(1, database, "master");
        self.message(
            &SqlError::new(5701, 10, format!("Changed database context to '{database}'.")).with_state(2),
            false,
        );
        self.environment(7, &COLLATION, &[]);
        self.environment_text(2, "us_english", "");
        self.message(&SqlError::new(5703, 10, "Changed language setting to us_english."), false);
        let mut body = vec![1];
        body.extend(0x7400_0004_u32.to_be_bytes());
        short_text("Microsoft SQL Server", &mut body);
        let [major, minor, build, _] = version.parts().map(|part| u16::try_from(part).unwrap_or(0));
        body.extend([u8::try_from(major).unwrap_or(0), u8::try_from(minor).unwrap_or(0)]);
        body.extend(build.to_be_bytes());
        self.token(0xAD, &body);
        self.environment_text(4, &packet_bytes.to_string(), "4096");
        self.done(DONE, 0, None);
    }

    /// An error, and the end.
    pub fn refusal(&mut self, error: &SqlError) {
        self.message(error, true);
        self.done(DONE, FAILED, None);
    }

    /// The answer to an attention.
    pub fn stopped(&mut self) {
        self.done(DONE, ATTENTION, None);
    }

    /// What a batch is answered; whether it is whole, and the connection goes on.
    pub fn replies(&mut self, replies: &[Reply], rpc: bool) -> bool {
        let statement = if rpc { DONE_IN_PROC } else { DONE };
        let mut failed = false;
        let last = replies.iter().rposition(|reply| matches!(reply, Reply::Done { .. }));
        for (at, reply) in replies.iter().enumerate() {
            match reply {
                Reply::Rows(rows) => self.rows(rows),
                Reply::Message(message) => self.message(message, false),
                Reply::Error(error) => {
                    self.message(error, true);
                    failed = true;
                }
                Reply::Database { name, before } => self.environment_text(1, name, before),
                Reply::Transaction(Transaction::Began(id)) => self.environment(8, &id.to_le_bytes(), &[]),
                Reply::Transaction(Transaction::Committed(id)) => self.environment(9, &[], &id.to_le_bytes()),
                Reply::Transaction(Transaction::RolledBack(id)) => self.environment(10, &[], &id.to_le_bytes()),
                Reply::Dropped => return false,
                Reply::Done { rows } => {
                    let final_one = !rpc && Some(at) == last && at + 1 == replies.len();
                    let mut status = if final_one { 0 } else { MORE };
                    status |= if std::mem::take(&mut failed) { FAILED } else { 0 };
                    self.done(statement, status, *rows);
                    if final_one {
                        return true;
                    }
                }
            }
        }
        if rpc {
            let failed = replies.iter().any(|reply| matches!(reply, Reply::Error(_)));
            self.bytes.push(0x79);
            self.bytes.extend(i32::from(failed).to_le_bytes());
            self.done(DONE_PROC, 0, None);
        } else {
            self.done(DONE, if failed { FAILED } else { 0 }, None);
        }
        true
    }

    fn rows(&mut self, rows: &Rows) {
        self.bytes.push(0x81);
        self.bytes.extend(u16::try_from(rows.columns.len()).unwrap_or(u16::MAX).to_le_bytes());
        for column in &rows.columns {
            self.bytes.extend(0_u32.to_le_bytes());
            // Every column may be NULL.
            self.bytes.extend(1_u16.to_le_bytes());
            write_type(column.kind, &mut self.bytes);
            short_text(&column.name, &mut self.bytes);
        }
        for row in &rows.rows {
            self.bytes.push(0xD1);
            for (column, value) in rows.columns.iter().zip(row) {
                write_value(column.kind, value, &mut self.bytes);
            }
        }
    }

    fn message(&mut self, error: &SqlError, is_error: bool) {
        let mut body = Vec::new();
        body.extend(error.number.to_le_bytes());
        body.extend([error.state, error.severity]);
        let text: String = error.text.chars().take(2000).collect();
        let units = utf16_bytes(&text);
        body.extend(u16::try_from(units.len() / 2).unwrap_or(0).to_le_bytes());
        body.extend(units);
        short_text(&self.server, &mut body);
        short_text("", &mut body);
        body.extend(error.line.to_le_bytes());
        self.token(if is_error { 0xAA } else { 0xAB }, &body);
    }

    fn environment_text(&mut self, kind: u8, new: &str, old: &str) {
        let mut body = vec![kind];
        short_text(new, &mut body);
        short_text(old, &mut body);
        self.token(0xE3, &body);
    }

    fn environment(&mut self, kind: u8, new: &[u8], old: &[u8]) {
        let mut body = vec![kind];
        for bytes in [new, old] {
            body.push(u8::try_from(bytes.len()).unwrap_or(0));
            body.extend(bytes);
        }
        self.token(0xE3, &body);
    }

    fn token(&mut self, kind: u8, body: &[u8]) {
        self.bytes.push(kind);
        self.bytes.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.bytes.extend(body);
    }

    fn done(&mut self, kind: u8, status: u16, rows: Option<u64>) {
        self.bytes.push(kind);
        self.bytes.extend((status | if rows.is_some() { COUNT } else { 0 }).to_le_bytes());
        // The command: 0xC1 is SELECT.
        self.bytes.extend(if rows.is_some() { 0xC1_u16 } else { 0 }.to_le_bytes());
        self.bytes.extend(rows.unwrap_or(0).to_le_bytes());
    }
}

/// A text behind its length in one byte (B_VARCHAR).
fn short_text(text: &str, out: &mut Vec<u8>) {
    let units: Vec<u16> = text.encode_utf16().take(255).collect();
    out.push(u8::try_from(units.len()).unwrap_or(u8::MAX));
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}
