//! A session with a host that has two doors: the machine's own and SQL Server's.
//!
//! Where T-SQL is run by the machine, there is one conversation and it is opened at once. Where it is sent to SQL Server
//! itself, each of the two is opened when there is something to say: a machine that is only asked T-SQL never sees an
//! agent. Order is kept: writes go in runs, each to its door, and a run is sent when the one before is done.

use std::sync::Arc;

use super::dialler::{Dialler, tds_target};
use super::ways::{SqlWay, Ways};
use super::{Change, DoorError, Observe};
use crate::hostcall::{Answer, Outcome, Read, Refusal, RefusalCode, Write};
use crate::session::{Input, ReadSession, WriteSession};
use crate::sql::{Patience, TdsReader, TdsWriter};
use crate::transport::{FilePiece, Traffic};

/// A session that can only look.
pub struct Reading {
    dialler: Arc<Dialler>,
    host: String,
    ways: Ways,
    machine: Option<ReadSession>,
    tds: Option<TdsReader>,
}

/// A session that can look and change, with the means to fill in secrets.
pub struct Writing {
    dialler: Arc<Dialler>,
    host: String,
    ways: Ways,
    machine: Option<WriteSession>,
    tds: Option<TdsWriter>,
}

/// The two kinds of session have the same two conversations, of types that can do different things.
macro_rules! conversations {
    ($session:ident, $machine:ident, $open:ident, $tds:ident) => {
        impl $session {
            pub(super) fn new(dialler: Arc<Dialler>, host: &str, ways: Ways) -> $session {
                $session { dialler, host: host.to_owned(), ways, machine: None, tds: None }
            }

            /// Opens what is sure to be needed.
            pub(super) async fn open(&mut self) -> Result<(), DoorError> {
                match self.ways.sql {
                    SqlWay::Machine(_) => self.machine().await.map(|_| ()),
                    SqlWay::Tds(_) => Ok(()),
                }
            }

            /// The agent; none where the machine has no door for one.
            async fn machine(&mut self) -> Result<Option<&mut $machine>, DoorError> {
                if let (None, Some(reach)) = (&self.machine, &self.ways.machine) {
                    self.machine = Some(self.dialler.$open(&self.host, reach).await?);
                }
                Ok(self.machine.as_mut())
            }

            /// SQL Server itself; none where the machine runs T-SQL.
            async fn tds(&mut self) -> Result<Option<&mut $tds>, DoorError> {
                if let (None, SqlWay::Tds(reach)) = (&self.tds, &self.ways.sql) {
                    let target = tds_target(&self.host, reach).await?;
                    self.tds = Some($tds::new(target, Patience::default()));
                }
                Ok(self.tds.as_mut())
            }

            async fn ask_machine(&mut self, reads: &[Read]) -> Result<Vec<Answer>, DoorError> {
                if reads.is_empty() {
                    return Ok(Vec::new());
                }
                match self.machine().await? {
                    Some(machine) => machine.observe(reads).await.map_err(DoorError::from),
                    None => Ok(reads.iter().map(|read| Answer::Refused(self.no_machine(read.name()))).collect()),
                }
            }

            async fn ask_tds(&mut self, reads: &[Read]) -> Result<Vec<Answer>, DoorError> {
                match self.tds().await? {
                    Some(tds) if !reads.is_empty() => tds.observe(reads).await.map_err(DoorError::from),
                    _ => Ok(Vec::new()),
                }
            }

            fn no_machine(&self, call: &str) -> Refusal {
                let text = format!(
                    "{} is reached over TDS alone, where `{call}` has no answer; to reach the machine itself: connection: \
                     {{ via: winrm, … }} and sql: {{ via: tds, … }}",
                    self.host
                );
                Refusal { code: RefusalCode::Unsupported, text, hresult: None }
            }
        }

        impl Observe for $session {
            async fn observe(&mut self, reads: &[Read]) -> Result<Vec<Answer>, DoorError> {
                if let SqlWay::Machine(instance) = &self.ways.sql {
                    let reads: Vec<Read> = reads.iter().map(|read| asked_in(read, instance)).collect();
                    return self.ask_machine(&reads).await;
                }
                let (sql, others) = apart(reads);
                let machine = self.ask_machine(&others).await?;
                let tds = self.ask_tds(&sql).await?;
                Ok(together(reads, tds, machine))
            }

            async fn close(self) -> Traffic {
                let mut traffic = Traffic::default();
                // The work is done; a host that does not say goodbye has lost nothing.
                if let Some(machine) = self.machine {
                    traffic += machine.close().await.0;
                }
                if let Some(tds) = self.tds {
                    traffic += tds.close().await;
                }
                traffic
            }
        }
    };
}

conversations!(Reading, ReadSession, read, TdsReader);
conversations!(Writing, WriteSession, write, TdsWriter);

impl Change for Writing {
    async fn change(&mut self, writes: &[Write], then: &[Read]) -> Result<(Vec<Outcome>, Vec<Answer>), DoorError> {
        if let SqlWay::Machine(instance) = &self.ways.sql {
            let writes: Vec<Write> = writes.iter().map(|write| told_in(write, instance)).collect();
            let then: Vec<Read> = then.iter().map(|read| asked_in(read, instance)).collect();
            return self.tell_machine(&writes, &then).await;
        }
        let (sql, others) = apart(then);
        let runs: Vec<&[Write]> = writes.chunk_by(|a, b| is_sql_write(a) == is_sql_write(b)).collect();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(writes.len());
        let mut machine = None;
        for (number, run) in runs.iter().enumerate() {
            if outcomes.last().is_some_and(|last| !matches!(last, Outcome::Done(_))) {
                break;
            }
            let came = if is_sql_write(&run[0]) {
                self.tell_tds(run).await
            } else {
                // What verifies goes in the same exchange as the last that is verified.
                let last = number + 1 == runs.len();
                let told = self.tell_machine(run, if last { &others } else { &[] }).await;
                told.map(|(outcomes, answers)| {
                    machine = last.then_some(answers);
                    outcomes
                })
            };
            outcomes.extend(came.map_err(|error| after(error, !outcomes.is_empty()))?);
        }
        outcomes.resize(writes.len(), Outcome::Skipped {});
        let told = !writes.is_empty();
        let machine = match machine {
            Some(answers) => answers,
            None => self.ask_machine(&others).await.map_err(|error| after(error, told))?,
        };
        let tds = self.ask_tds(&sql).await.map_err(|error| after(error, told))?;
        Ok((outcomes, together(then, tds, machine)))
    }

    fn carries_files(&self) -> bool {
        self.machine.as_ref().is_some_and(WriteSession::carries_files)
    }

    async fn carry(&mut self, tree: &str, pieces: Vec<FilePiece>) -> Result<bool, DoorError> {
        match self.machine().await? {
            Some(machine) => machine.carry(tree, pieces).await.map_err(DoorError::from),
            None => Ok(false),
        }
    }

    fn is_one_process(&self) -> bool {
        self.machine.as_ref().is_none_or(|machine| machine.input() == Input::Streamed)
    }
}

impl Writing {
    /// Tells the machine; where there is no door to one, nobody is to be told who changes it.
    async fn tell_machine(
        &mut self,
        writes: &[Write],
        then: &[Read],
    ) -> Result<(Vec<Outcome>, Vec<Answer>), DoorError> {
        let resolve = Arc::clone(self.dialler.resolve());
        if let Some(machine) = self.machine().await? {
            return machine.change(writes, then, &*resolve).await.map_err(DoorError::from);
        }
        let mut outcomes = vec![Outcome::Skipped {}; writes.len()];
        for (outcome, write) in outcomes.iter_mut().zip(writes) {
            *outcome = match write {
                Write::Marker(_) => Outcome::Done(serde_json::Value::Null),
                write => Outcome::Failed(self.no_machine(write.name())),
            };
            if matches!(outcome, Outcome::Failed(_)) {
                break;
            }
        }
        Ok((outcomes, self.ask_machine(then).await?))
    }

    async fn tell_tds(&mut self, writes: &[Write]) -> Result<Vec<Outcome>, DoorError> {
        let resolve = Arc::clone(self.dialler.resolve());
        match self.tds().await? {
            Some(tds) => Ok(tds.change(writes, &[], &*resolve).await?.0),
            None => Ok(vec![Outcome::Skipped {}; writes.len()]),
        }
    }
}

/// What an error means once something was told: that nothing changes the host can no longer be said.
fn after(error: DoorError, told: bool) -> DoorError {
    match error {
        DoorError::Unreachable(why) if told => DoorError::Unknown(why),
        error => error,
    }
}

fn is_sql_read(read: &Read) -> bool {
    matches!(read, Read::Sql { .. })
}

fn is_sql_write(write: &Write) -> bool {
    matches!(write, Write::Sql { .. })
}

/// The questions to SQL Server, and the others.
fn apart(reads: &[Read]) -> (Vec<Read>, Vec<Read>) {
    reads.iter().cloned().partition(is_sql_read)
}

/// Answers in the order of the reads.
fn together(reads: &[Read], sql: Vec<Answer>, others: Vec<Answer>) -> Vec<Answer> {
    let (mut sql, mut others) = (sql.into_iter(), others.into_iter());
    reads.iter().filter_map(|read| if is_sql_read(read) { sql.next() } else { others.next() }).collect()
}

/// A read with the name of the instance that it is about.
fn asked_in(read: &Read, name: &str) -> Read {
    let mut read = read.clone();
    if let Read::Sql { instance, .. } = &mut read {
        name.clone_into(instance);
    }
    read
}

/// A write with the name of the instance that it is about.
fn told_in(write: &Write, name: &str) -> Write {
    let mut write = write.clone();
    if let Write::Sql { instance, .. } = &mut write {
        name.clone_into(instance);
    }
    write
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn question(query: &str) -> Read {
        let (instance, database, query) = (String::new(), "master".to_owned(), query.to_owned());
        Read::Sql { instance, database, query, arguments: BTreeMap::new() }
    }

    #[test]
    fn answers_come_back_in_the_order_of_the_reads() {
        let reads = [question("a"), Read::HostFacts, question("b"), Read::HostFacts];
        let (sql, others) = apart(&reads);
        assert_eq!((sql.len(), others.len()), (2, 2));
        let present = |text: &str| Answer::Present(text.into());
        let answers = together(&reads, vec![present("a"), present("b")], vec![present("1"), present("2")]);
        assert_eq!(answers, ["a", "1", "b", "2"].map(present));
    }

    #[test]
    fn the_instance_is_filled_in() {
        let Read::Sql { instance, .. } = asked_in(&question("a"), "SQL2019") else { unreachable!() };
        assert_eq!(instance, "SQL2019");
        assert_eq!(asked_in(&Read::HostFacts, "SQL2019"), Read::HostFacts);
    }

    #[test]
    fn once_something_was_told_unreachable_is_unknown() {
        let lost = || DoorError::Unreachable("lost".to_owned());
        assert!(matches!(after(lost(), false), DoorError::Unreachable(_)));
        assert!(matches!(after(lost(), true), DoorError::Unknown(_)));
    }
}
