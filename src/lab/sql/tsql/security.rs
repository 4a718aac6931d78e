//! The parser of statements about logins, users, roles and schemas.

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::tree_admin::{Admin, RoleChange};

impl Parser {
    pub(super) fn security(&mut self) -> Parsed<Option<Admin>> {
        Ok(Some(if self.words("CREATE LOGIN") {
            self.create_login()?
        } else if self.words("ALTER LOGIN") {
            self.alter_login()?
        } else if self.words("DROP LOGIN") {
            Admin::DropLogin(self.name()?)
        } else if self.words("CREATE USER") {
            self.create_user()?
        } else if self.words("ALTER USER") {
            let name = self.name()?;
            self.must("WITH")?;
            Admin::AlterUser { name, options: self.list(Parser::option)? }
        } else if self.words("DROP USER") {
            let if_exists = self.words("IF EXISTS");
            Admin::DropUser { name: self.name()?, if_exists }
        } else if self.words("CREATE ROLE") {
            let name = self.name()?;
            let owner = if self.words("AUTHORIZATION") { Some(self.name()?) } else { None };
            Admin::CreateRole { name, owner }
        } else if self.words("ALTER ROLE") {
            self.alter_role(false)?
        } else if self.words("ALTER SERVER ROLE") {
            self.alter_role(true)?
        } else if self.words("DROP ROLE") {
            let if_exists = self.words("IF EXISTS");
            Admin::DropRole { name: self.name()?, if_exists }
        } else if self.words("CREATE SCHEMA") {
            let name = if self.ahead("AUTHORIZATION") { None } else { Some(self.name()?) };
            let owner = if self.words("AUTHORIZATION") { Some(self.name()?) } else { None };
            // A schema without a name has its owner's.
            let name = name.or_else(|| owner.clone()).ok_or_else(|| self.incorrect())?;
            Admin::CreateSchema { name, owner }
        } else if self.words("DROP SCHEMA") {
            let if_exists = self.words("IF EXISTS");
            Admin::DropSchema { name: self.name()?, if_exists }
        } else {
            return Ok(None);
        }))
    }

    fn create_login(&mut self) -> Parsed<Admin> {
        let name = self.name()?;
        if self.words("FROM WINDOWS") {
            let options = if self.words("WITH") { self.list(Parser::option)? } else { Vec::new() };
            return Ok(Admin::CreateLogin { name, password: None, options });
        }
        self.must("WITH PASSWORD")?;
        let password = self.equals_literal()?;
        self.words("MUST_CHANGE");
        let options = if self.symbol(",") { self.list(Parser::option)? } else { Vec::new() };
        Ok(Admin::CreateLogin { name, password: Some(password), options })
    }

    fn alter_login(&mut self) -> Parsed<Admin> {
        let name = self.name()?;
        if self.words("ENABLE") {
            return Ok(Admin::AlterLogin { name, enabled: Some(true), options: Vec::new() });
        }
        if self.words("DISABLE") {
            return Ok(Admin::AlterLogin { name, enabled: Some(false), options: Vec::new() });
        }
        self.must("WITH")?;
        Ok(Admin::AlterLogin { name, enabled: None, options: self.list(Parser::option)? })
    }

    fn create_user(&mut self) -> Parsed<Admin> {
        let name = self.name()?;
        let without_login = self.words("WITHOUT LOGIN");
        let mut login = None;
        if !without_login && (self.words("FOR LOGIN") || self.words("FROM LOGIN")) {
            login = Some(self.name()?);
        }
        let mut default_schema = None;
        if self.words("WITH") {
            self.must("DEFAULT_SCHEMA")?;
            self.must_symbol("=")?;
            default_schema = Some(self.name()?);
        }
        Ok(Admin::CreateUser { name, login, without_login, default_schema })
    }

    fn alter_role(&mut self, server: bool) -> Parsed<Admin> {
        let name = self.name()?;
        let change = if self.words("ADD MEMBER") {
            RoleChange::Add(self.name()?)
        } else if self.words("DROP MEMBER") {
            RoleChange::Drop(self.name()?)
        } else {
            self.must("WITH NAME")?;
            self.must_symbol("=")?;
            RoleChange::Rename(self.name()?)
        };
        Ok(Admin::AlterRole { server, name, change })
    }

    /// `NAME = value`, the name in upper case.
    fn option(&mut self) -> Parsed<(String, String)> {
        const KNOWN: &[&str] = &[
            "DEFAULT_DATABASE",
            "DEFAULT_LANGUAGE",
            "CHECK_POLICY",
            "CHECK_EXPIRATION",
            "SID",
            "PASSWORD",
            "OLD_PASSWORD",
            "NAME",
            "LOGIN",
            "DEFAULT_SCHEMA",
        ];
        let name = KNOWN.iter().find(|name| self.words(name)).ok_or_else(|| self.incorrect())?;
        self.must_symbol("=")?;
        let value = match self.peek() {
            Some(Token::Text(text)) => Some(text.clone()),
            Some(Token::Bytes(bytes)) => Some(crate::lab::sql::value::hex_text(bytes)),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("ON") => Some("ON".to_owned()),
            _ => None,
        };
        let value = match value {
            Some(value) => self.advance().map_or(value.clone(), |_| value),
            None => self.name()?,
        };
        self.words("UNLOCK");
        Ok(((*name).to_owned(), value))
    }
}
