//! The narrow waist: every question a host can be asked and every change it can be told to make.
//!
//! A host call is a typed request with a typed answer, like a system call.
//! It knows IIS configuration, features, files and accounts; it knows no resource kinds.
//! This module is types only: what a kind needs is said with these, what an agent or the lab implements is these.
//!
//! On the wire a call says first which half it belongs to:
//! `{"ask":{"read":"features","names":["Web-Server"]}}` or `{"tell":{"write":"reboot"}}`.

pub mod answer;
pub mod config;
pub mod listing;
pub mod message;
pub mod read;
pub mod refusal;
pub mod runtime;
pub mod sql;
pub mod write;

pub use answer::{Answer, Outcome};
pub use config::{AppPath, Attribute, Content, Edit, Element, ElementPath, Expected, Source, Step, Text, Token};
pub use message::{Access, Batch, Call, Hello, HelloAnswer, Nonce, Replies, Reply};
pub use read::{FileAt, FileWant, HttpAt, MacForm, Read};
pub use refusal::{Refusal, RefusalCode};
pub use sql::{SqlDone, SqlMessage, SqlRows};
pub use write::{
    Control, ControlTarget, FileData, FileDigest, Grant, Marker, Pull, SecretFile, SqlFind, TreeFile, Write,
};
