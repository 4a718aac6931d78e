//! Questions, a batch for each database.

use indexmap::IndexMap;

use super::SqlError;
use super::link::{Fault, Link, Statement, enter};
use crate::hostcall::{Answer, Read, Refusal, RefusalCode, SqlRows};
use crate::resource::sql::QUERIES;

/// What stands between the results of a batch, since a question may have none: `DBCC TRACESTATUS` where no flag is set.
const END: &str = "\n;\nSELECT 0 AS farmhand_end;\n";

/// The name of that result's column.
const END_COLUMN: &str = "farmhand_end";

/// Errors that concern the database itself, whatever is asked in it: it is not there (911), not for this login (916), not
/// online (922, 923, 924, 926, 927, 942, 945), or a replica that cannot be read (976 to 983).
const OF_DATABASE: &[i32] = &[911, 916, 922, 923, 924, 926, 927, 942, 945, 976, 978, 979, 982, 983];

/// A question that is asked.
struct Asked<'a> {
    /// Its place among the reads.
    index: usize,
    statement: Statement<'a>,
}

/// Which questions are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Questions {
    /// Those that farmhand ships: they change nothing.
    Shipped,
    /// A playbook's own too, of which nobody knows what they do.
    Any,
}

/// Asks everything; one answer a read, in order.
pub(super) async fn observe(link: &mut Link, reads: &[Read], allowed: Questions) -> Result<Vec<Answer>, SqlError> {
    let mut answers: Vec<Answer> = vec![Answer::Absent {}; reads.len()];
    let mut databases: IndexMap<&str, (Vec<Asked>, Vec<Asked>)> = IndexMap::new();
    for (index, read) in reads.iter().enumerate() {
        match read {
            Read::Sql { database, query, arguments, .. }
                if allowed == Questions::Any || QUERIES.iter().any(|it| it.text == query) =>
            {
                let arguments = arguments.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                let (plain, with) = databases.entry(database).or_default();
                let asked = Asked { index, statement: Statement { text: query, arguments } };
                if asked.statement.arguments.is_empty() { plain.push(asked) } else { with.push(asked) }
            }
            Read::Sql { .. } => {
                let text = "a session that changes nothing asks no question of a playbook's own";
                answers[index] = refused(RefusalCode::Invalid, text);
            }
            other => {
                let text = format!("SQL Server over TDS has no answer to `{}`", other.name());
                answers[index] = refused(RefusalCode::Unsupported, &text);
            }
        }
    }
    for (database, (plain, with)) in &databases {
        together(link, database, plain, &mut answers).await?;
        for asked in with {
            answers[asked.index] = match link.enter(database, link.patience().observe).await {
                Ok(()) => alone(link, &asked.statement).await?,
                Err(fault) => Answer::Refused(settle(link, fault)?),
            };
        }
    }
    Ok(answers)
}

/// Asks all questions about one database that have no parameters, in one batch. Where one fails each is asked by itself,
/// so that the others have their answers.
async fn together(
    link: &mut Link,
    database: &str,
    asked: &[Asked<'_>],
    answers: &mut [Answer],
) -> Result<(), SqlError> {
    if asked.is_empty() {
        return Ok(());
    }
    let texts: String = asked.iter().flat_map(|it| [it.statement.text, END]).collect();
    match link.ask(&Statement::batch(&(enter(database) + &texts))).await {
        Ok(results) => {
            link.entered(database);
            for (asked, rows) in asked.iter().zip(apart(results, asked.len())) {
                answers[asked.index] = present(rows);
            }
        }
        Err(fault) => {
            let refusal = settle(link, fault)?;
            let of_all = refusal.sql_number().is_some_and(|number| OF_DATABASE.contains(&number));
            for it in asked {
                answers[it.index] = if of_all || asked.len() == 1 {
                    Answer::Refused(refusal.clone())
                } else {
                    alone(link, &Statement::batch(&(enter(database) + it.statement.text))).await?
                };
            }
        }
    }
    Ok(())
}

async fn alone(link: &mut Link, statement: &Statement<'_>) -> Result<Answer, SqlError> {
    match link.ask(statement).await {
        Ok(results) => Ok(present(results.into_iter().next().unwrap_or_default())),
        Err(fault) => settle(link, fault).map(Answer::Refused),
    }
}

/// The results of a batch by question: the first of each, or none.
fn apart(results: Vec<SqlRows>, count: usize) -> Vec<SqlRows> {
    let mut apart = Vec::with_capacity(count);
    let mut current = None;
    for result in results {
        if result.columns == [END_COLUMN] {
            apart.push(current.take().unwrap_or_default());
        } else {
            current.get_or_insert(result);
        }
    }
    apart.resize(count, SqlRows::default());
    apart
}

/// What SQL Server said, if it did.
fn settle(link: &Link, fault: Fault) -> Result<Refusal, SqlError> {
    match fault {
        Fault::Refused(refusal) => Ok(refusal),
        Fault::Unsent(error) => Err(error),
        Fault::Lost(why) => Err(SqlError::Lost { host: link.host(), why }),
    }
}

fn present(rows: SqlRows) -> Answer {
    Answer::Present(serde_json::to_value(rows).unwrap_or_default())
}

fn refused(code: RefusalCode, text: &str) -> Answer {
    Answer::Refused(Refusal { code, text: text.to_owned(), hresult: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_a_result_takes_nobody_elses() {
        let rows = |column: &str| SqlRows { columns: vec![column.to_owned()], rows: Vec::new() };
        let end = || rows(END_COLUMN);
        let results = vec![rows("a"), end(), end(), rows("b"), rows("c"), end()];
        assert_eq!(apart(results, 3), [rows("a"), SqlRows::default(), rows("b")]);
        assert_eq!(apart(Vec::new(), 1), [SqlRows::default()]);
    }
}
