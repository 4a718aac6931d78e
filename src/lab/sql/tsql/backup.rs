//! The parser of BACKUP DATABASE and RESTORE DATABASE.

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::tree_admin::Admin;
use super::tree_query::Expression;

/// Logical names of files and where they go.
type Moves = Vec<(String, String)>;

impl Parser {
    pub(super) fn backup(&mut self) -> Parsed<Option<Admin>> {
        if self.words("BACKUP DATABASE") {
            let name = self.name()?;
            self.must("TO")?;
            let file = self.disk()?;
            let (options, moves) = self.with_options()?;
            if !moves.is_empty() {
                return Err(self.incorrect());
            }
            return Ok(Some(Admin::BackupDatabase { name, file, options }));
        }
        if self.words("RESTORE DATABASE") {
            let name = self.name()?;
            self.must("FROM")?;
            let file = self.disk()?;
            let (options, moves) = self.with_options()?;
            return Ok(Some(Admin::RestoreDatabase { name, file, options, moves }));
        }
        Ok(None)
    }

    fn disk(&mut self) -> Parsed<Expression> {
        self.must("DISK")?;
        self.must_symbol("=")?;
        match self.advance() {
            Some(Token::Text(text)) => Ok(Expression::Text(text)),
            Some(Token::Variable(name)) => Ok(Expression::Variable(name)),
            _ => Err(self.incorrect()),
        }
    }

    fn with_options(&mut self) -> Parsed<(Vec<String>, Moves)> {
        const OPTIONS: &[&str] = &[
            "COPY_ONLY",
            "INIT",
            "NOINIT",
            "FORMAT",
            "CHECKSUM",
            "COMPRESSION",
            "NO_COMPRESSION",
            "STATS",
            "NAME",
            "REPLACE",
            "RECOVERY",
            "NORECOVERY",
            "ENABLE_BROKER",
            "NEW_BROKER",
            "FILE",
        ];
        let (mut options, mut moves) = (Vec::new(), Moves::new());
        if !self.words("WITH") {
            return Ok((options, moves));
        }
        loop {
            if self.words("MOVE") {
                let logical = self.literal()?;
                self.must("TO")?;
                moves.push((logical, self.literal()?));
            } else {
                let option = OPTIONS.iter().find(|option| self.words(option)).ok_or_else(|| self.incorrect())?;
                options.push((*option).to_owned());
                if self.symbol("=") && !matches!(self.advance(), Some(Token::Text(_) | Token::Number(_))) {
                    return Err(self.incorrect());
                }
            }
            if !self.symbol(",") {
                return Ok((options, moves));
            }
        }
    }
}
