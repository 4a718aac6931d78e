//! farmhand: infrastructure as code for Windows/IIS farms.
//!
//! Modules stand in layers, lowest first; each uses only those above it in this list.

pub mod diagnostic;

pub mod codes;

pub mod value;

pub mod secret;

pub mod xml;

pub mod yaml;

pub mod template;

pub mod hostcall;

pub mod release;

pub mod resource;

pub mod inventory;

pub mod playbook;

pub mod plan;

pub mod agent;

pub mod http;

pub mod transport;

pub mod session;

pub mod sql;

pub mod journal;

pub mod engine;

pub mod bootstrap;

pub mod doctor;

pub mod report;

pub mod lab;

pub mod cli;
