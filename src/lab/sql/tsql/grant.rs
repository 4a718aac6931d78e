//! The parser of GRANT, DENY and REVOKE.

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::tree_admin::{Admin, PermissionVerb, Securable};

/// What a permission can be on.
const CLASSES: &[&str] = &[
    "OBJECT",
    "SCHEMA",
    "CONTRACT",
    "TYPE",
    "SERVICE",
    "MESSAGE TYPE",
    "USER",
    "ROLE",
    "LOGIN",
    "DATABASE",
    "SYMMETRIC KEY",
    "CERTIFICATE",
    "ENDPOINT",
];

impl Parser {
    pub(super) fn permission(&mut self) -> Parsed<Option<Admin>> {
        let verb = if self.words("GRANT") {
            PermissionVerb::Grant
        } else if self.words("DENY") {
            PermissionVerb::Deny
        } else if self.words("REVOKE") {
            self.words("GRANT OPTION FOR");
            PermissionVerb::Revoke
        } else {
            return Ok(None);
        };
        let permissions = self.list(Parser::permission_name)?;
        let on = if self.words("ON") { Some(self.securable()?) } else { None };
        if !(verb == PermissionVerb::Revoke && self.words("FROM")) {
            self.must("TO")?;
        }
        let principals = self.list(Parser::principal)?;
        let with_grant = self.words("WITH GRANT OPTION");
        self.words("CASCADE");
        Ok(Some(Admin::Permission { verb, permissions, on, principals, with_grant }))
    }

    fn principal(&mut self) -> Parsed<String> {
        self.name()
    }

    /// Words up to a comma, ON or TO. Which ones are permissions is known where they are granted.
    fn permission_name(&mut self) -> Parsed<String> {
        let mut words: Vec<String> = Vec::new();
        while let Some(Token::Word(word)) = self.peek() {
            let word = word.to_ascii_uppercase();
            if matches!(word.as_str(), "ON" | "TO" | "FROM") {
                break;
            }
            words.push(word);
            self.advance();
        }
        if words.is_empty() { Err(self.incorrect()) } else { Ok(words.join(" ")) }
    }

    fn securable(&mut self) -> Parsed<Securable> {
        for class in CLASSES {
            let length = class.split(' ').count();
            if self.ahead(class) && matches!(self.peek_at(length), Some(Token::Symbol("::"))) {
                self.words(class);
                self.must_symbol("::")?;
                return Ok(Securable { class: (*class).to_owned(), name: self.object_name()? });
            }
        }
        Ok(Securable { class: "OBJECT".to_owned(), name: self.object_name()? })
    }
}
