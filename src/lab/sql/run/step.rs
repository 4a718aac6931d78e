//! The statements that steer a batch.

use super::{Carried, Failure, Run};
use crate::lab::sql::reply::{Reply, SqlError, Transaction};
use crate::lab::sql::transaction::OpenTransaction;
use crate::lab::sql::tsql::{self, Admin, Expression, KeyChange, SetOption, Statement, TraceVerb};
use crate::lab::sql::value::{Type, Value};

/// How deep EXEC may be nested, as in SQL Server.
const MOST_NESTED: u32 = 32;

impl Run<'_> {
    /// Carries out a statement; whether the batch goes on after it.
    pub(super) fn statement(&mut self, statement: &Statement) -> Carried<bool> {
        match statement {
            Statement::Select(select) => self.select_statement(select)?,
            Statement::Use(name) => self.use_database(name)?,
            Statement::If(condition, then, otherwise) => {
                return if self.holds(condition)? {
                    Ok(self.step(then))
                } else {
                    Ok(otherwise.as_ref().is_none_or(|otherwise| self.step(otherwise)))
                };
            }
            Statement::Block(steps) => return Ok(self.steps(steps)),
            Statement::Declare(variables) => {
                for (name, kind, value) in variables {
                    let value = value.as_ref().map_or(Ok(Value::Null), |value| self.evaluate(value))?;
                    let key = name.to_lowercase();
                    if self.variables.contains_key(&key) {
                        let text = format!(
                            "The variable name '{name}' has already been declared. Variable names must be unique within a query batch or stored procedure."
                        );
                        return Err(SqlError::new(134, 15, text).into());
                    }
                    let value = super::convert::convert(&value, *kind, None)?;
                    self.variables.insert(key, (*kind, value));
                }
            }
            Statement::SetVariable(name, value) => {
                let value = self.evaluate(value)?;
                self.assign(name, &value)?;
            }
            Statement::SetOption(option) => self.set_option(option),
            Statement::Begin => self.begin(),
            Statement::Commit => self.commit()?,
            Statement::Rollback => self.roll_back()?,
            Statement::Print(text) => {
                let text = self.evaluate(text)?.to_text().unwrap_or_default();
                self.say(0, text);
            }
            Statement::RaisError(arguments) => self.raise(arguments)?,
            Statement::Throw(arguments) => return self.throw(arguments),
            Statement::Return => return Ok(false),
            Statement::ExecuteText(text) => {
                let text = self.evaluate(text)?.to_text().unwrap_or_default();
                return self.execute_text(&text, Vec::new());
            }
            Statement::ExecuteProcedure(name, arguments) => return self.procedure(name, arguments),
            Statement::ExecuteAs { login, name } => self.execute_as(*login, name)?,
            Statement::Revert => {
                if let Some(before) = self.session.impersonators.pop() {
                    self.session.login = before;
                }
            }
            Statement::Admin(admin) => self.administer(admin)?,
        }
        Ok(true)
    }

    fn administer(&mut self, admin: &Admin) -> Carried {
        // Opening a key and looking at flags change nothing that outlasts the session.
        let changes = !matches!(
            admin,
            Admin::Trace { verb: TraceVerb::Status, .. } | Admin::OpenMasterKey(_) | Admin::CloseMasterKey
        );
        if changes {
            self.begin_change()?;
        }
        let before = self.session.transaction.is_some().then(|| self.state.content.clone());
        match admin {
            Admin::Trace { verb, flags, global, quiet } => self.trace(*verb, flags, *global, *quiet)?,
            Admin::CreateDatabase { name, collation } => self.create_database(name, collation.as_deref())?,
            Admin::DropDatabase { names, if_exists } => self.drop_databases(names, *if_exists)?,
            Admin::AlterDatabase { name, changes, termination } => {
                let name = name.clone().unwrap_or_else(|| self.session.database.clone());
                self.alter_database(&name, changes, *termination)?;
            }
            Admin::AlterAuthorization { class, name, to } => self.alter_authorization(class, name, to)?,
            Admin::CreateMasterKey(password) => self.create_master_key(password.as_deref())?,
            Admin::DropMasterKey => self.drop_master_key()?,
            Admin::AlterMasterKey(KeyChange::Regenerate(password)) => self.regenerate_master_key(password)?,
            Admin::AlterMasterKey(change) => self.alter_master_key(change)?,
            Admin::OpenMasterKey(password) => self.open_master_key(password)?,
            Admin::CloseMasterKey => self.close_master_key()?,
            Admin::BackupKey { service, file, password } => self.backup_key(*service, file, password)?,
            Admin::RestoreMasterKey { file, decryption, encryption, force } => {
                self.restore_master_key(file, decryption, encryption, *force)?;
            }
            Admin::BackupDatabase { name, file, .. } => self.backup_database(name, file)?,
            Admin::RestoreDatabase { name, file, options, moves } => {
                self.restore_database(name, file, options, moves)?;
            }
            other => self.administer_principals(other)?,
        }
        if let (Some(transaction), Some(before)) = (self.session.transaction.as_mut(), before) {
            transaction.note(&before, &self.state.content);
        }
        self.done += usize::from(changes);
        self.count(None);
        Ok(())
    }

    /// The token that says that a statement is over.
    pub(super) fn count(&mut self, rows: Option<u64>) {
        let rows = rows.filter(|_| !self.session.no_count);
        self.replies.push(Reply::Done { rows });
    }

    fn use_database(&mut self, name: &str) -> Carried {
        super::may_use(&self.state, &self.session.login, name)
            .map_err(|error| Failure { ends_batch: true, ..error.into() })?;
        let name = self.state.database(name).map_or_else(|| name.to_owned(), |database| database.name.clone());
        let before = std::mem::replace(&mut self.session.database, name.clone());
        self.shared.connected.moved(self.session.spid, &name);
        self.replies.push(Reply::Database { name: name.clone(), before });
        self.say(5701, format!("Changed database context to '{name}'."));
        Ok(())
    }

    /// Gives a variable a value.
    pub(super) fn assign(&mut self, name: &str, value: &Value) -> Carried {
        let Some((kind, _)) = self.variables.get(&name.to_lowercase()) else { return Err(undeclared(name).into()) };
        let kind = *kind;
        let value = super::convert::convert(value, kind, None)?;
        self.variables.insert(name.to_lowercase(), (kind, value));
        Ok(())
    }

    fn set_option(&mut self, option: &SetOption) {
        match option {
            SetOption::NoCount(on) => self.session.no_count = *on,
            SetOption::XactAbort(on) => self.session.xact_abort = *on,
            SetOption::LockTimeoutMillis(millis) => self.session.lock_timeout_millis = *millis,
            SetOption::Other => {}
        }
    }

    fn begin(&mut self) {
        if let Some(open) = self.session.transaction.as_mut() {
            open.depth += 1;
            return;
        }
        let descriptor = self.shared.next_transaction();
        let before = self.state.content.clone();
        self.session.transaction =
            Some(OpenTransaction { descriptor, depth: 1, before, databases: Vec::new(), server: false });
        self.replies.push(Reply::Transaction(Transaction::Began(descriptor)));
    }

    fn commit(&mut self) -> Carried {
        let Some(open) = self.session.transaction.as_mut() else {
            let text = "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.";
            return Err(SqlError::new(3902, 16, text).into());
        };
        open.depth -= 1;
        if open.depth > 0 {
            return Ok(());
        }
        let (descriptor, changed) = (open.descriptor, open.changed());
        if changed && let Err(failure) = self.at_commit() {
            self.undo();
            return Err(failure);
        }
        self.session.transaction = None;
        self.replies.push(Reply::Transaction(Transaction::Committed(descriptor)));
        Ok(())
    }

    fn roll_back(&mut self) -> Carried {
        if self.session.transaction.is_none() {
            let text = "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.";
            return Err(SqlError::new(3903, 16, text).into());
        }
        self.undo();
        Ok(())
    }

    fn raise(&mut self, arguments: &[Expression]) -> Carried {
        let values = arguments.iter().map(|argument| self.evaluate(argument)).collect::<Carried<Vec<Value>>>()?;
        let mut rest = values.iter().skip(3);
        let number = |at: usize| match values.get(at) {
            Some(Value::Int(number)) => u8::try_from(*number).ok(),
            _ => None,
        };
        let (Some(first), Some(severity), Some(state)) = (values.first(), number(1), number(2)) else {
            return Err(super::super::error::incorrect("RAISERROR").into());
        };
        let mut text = String::new();
        let format = first.to_text().unwrap_or_default();
        let mut characters = format.chars();
        while let Some(character) = characters.next() {
            match (character, character == '%') {
                (_, true) => match characters.next() {
                    Some('s' | 'd' | 'i') => {
                        let value = rest.next().and_then(Value::to_text);
                        text.push_str(value.as_deref().unwrap_or("(null)"));
                    }
                    Some(other) => text.push(other),
                    None => text.push('%'),
                },
                (other, false) => text.push(other),
            }
        }
        let error = SqlError::new(50000, severity, text).with_state(state);
        if severity <= 10 {
            self.replies.push(Reply::Message(error));
            return Ok(());
        }
        Err(Failure { errors: vec![error], ends_batch: false, drops: false })
    }

    fn throw(&mut self, arguments: &[Expression]) -> Carried<bool> {
        let [number, text, state] = arguments else {
            let text = "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.";
            return Err(SqlError::new(10704, 15, text).into());
        };
        let text = self.evaluate(text)?.to_text().unwrap_or_default();
        let (Value::Int(number), Value::Int(state)) = (self.evaluate(number)?, self.evaluate(state)?) else {
            return Err(super::super::error::incorrect("THROW").into());
        };
        let number = i32::try_from(number).unwrap_or(50000).max(50000);
        let error = SqlError::new(number, 16, text).with_state(u8::try_from(state).unwrap_or(1));
        Err(Failure { errors: vec![error], ends_batch: true, drops: false })
    }

    /// Carries out a text as a batch of its own, with variables of its own.
    pub(super) fn execute_text(&mut self, text: &str, parameters: Vec<(String, (Type, Value))>) -> Carried<bool> {
        if self.depth == MOST_NESTED {
            let text = "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).";
            return Err(SqlError::new(217, 16, text).into());
        }
        let steps = tsql::parse(text)?;
        let outer = std::mem::replace(&mut self.variables, parameters.into_iter().collect());
        let database = self.session.database.clone();
        self.depth += 1;
        let from = self.replies.len();
        self.steps(&steps);
        self.depth -= 1;
        self.variables = outer;
        // USE inside a text ends with it.
        if self.session.database != database {
            let before = std::mem::replace(&mut self.session.database, database.clone());
            self.shared.connected.moved(self.session.spid, &database);
            self.replies.push(Reply::Database { name: database, before });
        }
        let drops = self.replies[from..].iter().any(|reply| matches!(reply, Reply::Dropped));
        Ok(!drops)
    }

    fn execute_as(&mut self, login: bool, name: &Expression) -> Carried {
        let name = self.evaluate(name)?.to_text().unwrap_or_default();
        let login_name = if login {
            self.state.content.server.login(&name).map(|login| login.name.clone())
        } else {
            let database = self.current()?;
            let sid = database.principal(&name).map(|user| user.sid.clone());
            sid.and_then(|sid| self.state.content.server.sid_name(&sid).map(str::to_owned))
        };
        let what = if login { "server" } else { "database" };
        let refused = || {
            let text = format!(
                "Cannot execute as the {what} principal because the principal \"{name}\" does not exist, this type of principal cannot be impersonated, or you do not have permission."
            );
            SqlError::new(if login { 15406 } else { 15517 }, 16, text)
        };
        if !self.is_sysadmin() {
            return Err(refused().into());
        }
        let login_name = login_name.ok_or_else(refused)?;
        let before = std::mem::replace(&mut self.session.login, login_name);
        self.session.impersonators.push(before);
        Ok(())
    }
}

/// 137.
pub(super) fn undeclared(name: &str) -> SqlError {
    SqlError::new(137, 15, format!("Must declare the scalar variable \"{name}\".")).with_state(2)
}
