//! SQL Server: over its own port, or as the machine's account sees it.

use std::collections::BTreeMap;

use super::check::{Check, Line, Sheet};
use super::lack::Lack;
use super::network;
use super::prelogin::{self, Prelogin};
use super::speaks;
use super::told::Told;
use crate::engine::{Sessions, TdsReach};
use crate::hostcall::{Answer, Read, SqlRows};
use crate::resource::sql::{INSTANCE, MASTER};
use crate::sql::{SqlError, Step};

/// What is checked over SQL Server's own port.
pub const OVER_TDS: [Check; 8] = [
    Check::Name,
    Check::Tcp,
    Check::Prelogin,
    Check::Account,
    Check::TdsTls,
    Check::SqlLogin,
    Check::SqlVersion,
    Check::SqlRights,
];

/// What is checked where the machine runs T-SQL.
const ON_THE_MACHINE: [Check; 4] = [Check::SqlService, Check::SqlLogin, Check::SqlVersion, Check::SqlRights];

/// The first version that farmhand manages: SQL Server 2012.
const LEAST_MAJOR: u32 = 11;

/// The instance to ask, by its name; `None` where nothing says that there is one.
pub fn wanted(told: &Told, named: &str) -> Option<String> {
    (!named.is_empty() || told.sql_services().next().is_some()).then(|| named.to_owned())
}

/// What the instance is asked.
pub fn question(instance: &str) -> Read {
    Read::Sql {
        instance: instance.to_owned(),
        database: MASTER.to_owned(),
        query: INSTANCE.text.to_owned(),
        arguments: BTreeMap::new(),
    }
}

/// The instance as the machine's account sees it.
pub fn by_the_machine(sheet: &mut Sheet, told: &Told, instance: &str, answer: Option<Answer>) {
    sheet.plan(ON_THE_MACHINE);
    let name = if instance.is_empty() { "MSSQLSERVER".to_owned() } else { format!("MSSQL${instance}") };
    let line = match told.service(&name) {
        Some(service) if service.state == "Running" => {
            let account = service.account.as_deref().unwrap_or("an account that is not told");
            Line::passed(Check::SqlService, format!("{name} runs as {account}"))
        }
        Some(service) => {
            Line::failed(Check::SqlService, format!("{name} is {}", service.state), format!("Start-Service '{name}'"))
        }
        None => {
            let there = told.sql_services().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ");
            let there = if there.is_empty() { "none".to_owned() } else { there };
            let advice = "name the instance in the inventory: sql: { instance: NAME }";
            Line::failed(Check::SqlService, format!("there is no service {name}; there is: {there}"), advice)
        }
    };
    if sheet.put(line) {
        judge(sheet, answer);
    }
}

/// The instance over its own port.
pub async fn over_tds(sheet: &mut Sheet, sessions: &Sessions, host: &str, reach: &TdsReach, lack: Option<&Lack>) {
    let Some(stream) = network::reach(sheet, &reach.place, "TCP/IP is enabled for the instance").await else { return };
    match prelogin::ask(stream).await {
        Ok(Prelogin { version, encryption }) => {
            let found = format!("SQL Server {version} answers; encryption: {}", encryption.words());
            if !sheet.put(if encryption.is_possible() {
                Line::passed(Check::Prelogin, found)
            } else {
                let advice = "turn Force Encryption on for the instance; farmhand sends nothing in clear";
                Line::failed(Check::Prelogin, found, advice)
            }) {
                return;
            }
        }
        Err(why) => {
            let heard = match reach.place.find().await {
                Ok((host, port)) => speaks::hear(&host, port).await,
                Err(_) => None,
            };
            let found = heard.map_or(why, |heard| format!("what listens there {heard}, not TDS"));
            let advice = "name the port of the instance: SQL Server Configuration Manager shows it under TCP/IP, IPAll; \
                          that of a default instance is 1433";
            sheet.put(Line::failed(Check::Prelogin, found, advice));
            return;
        }
    }
    if let Some(lack) = lack {
        sheet.put(lack.line());
        return;
    }
    let asked = match sessions.tds(host).await {
        Ok(Some(mut session)) => {
            let answers = session.observe(&[question("")]).await;
            let _ = session.close().await;
            answers
        }
        Ok(None) => return,
        Err(error) => {
            sheet.put(Line::failed_as_told(Check::Account, &error.to_string()));
            return;
        }
    };
    let steps = [
        (Check::Account, Step::Account, format!("{} logs in", reach.user)),
        (Check::TdsTls, Step::Tls, format!("the certificate is good for `{}`", reach.certificate_name)),
    ];
    let failed = match &asked {
        Err(SqlError::Unreachable { step, why, .. }) => Some((*step, why.clone())),
        Err(other) => Some((Step::Login, other.to_string())),
        Ok(_) => None,
    };
    for (check, step, found) in steps {
        match &failed {
            Some((at, why)) if *at <= step => {
                sheet.put(Line::failed_as_told(check, why));
                return;
            }
            _ => sheet.put(Line::passed(check, found)),
        };
    }
    match (failed, asked) {
        (Some((_, why)), _) => {
            sheet.put(Line::failed_as_told(Check::SqlLogin, &why));
        }
        (None, answers) => judge(sheet, answers.ok().and_then(|answers| answers.into_iter().next())),
    }
}

/// The answer to [`question`], judged.
fn judge(sheet: &mut Sheet, answer: Option<Answer>) {
    let row = match answer {
        Some(Answer::Present(value)) => {
            serde_json::from_value::<SqlRows>(value).ok().and_then(|rows| rows.into_objects().next())
        }
        Some(Answer::Refused(refusal)) => {
            let code = refusal.hresult.map(|code| format!(" ({code})")).unwrap_or_default();
            let advice = "let the account log in: CREATE LOGIN [DOMAIN\\account] FROM WINDOWS; its meaning: farmhand explain \
                          with the number";
            sheet.put(Line::failed(Check::SqlLogin, format!("{}{code}", refusal.text), advice));
            return;
        }
        _ => None,
    };
    let Some(row) = row else {
        sheet.put(Line::failed(Check::SqlLogin, "the instance told nothing", "look at SQL Server's error log"));
        return;
    };
    let text = |key: &str| row.get(key).and_then(|value| value.as_str()).unwrap_or("?").to_owned();
    let (login, version) = (text("login_name"), text("product_version"));
    sheet.put(Line::passed(Check::SqlLogin, format!("{login} is let in to {}", text("server_name"))));
    let found = format!("SQL Server {version}, {}", text("edition"));
    let major = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0_u32);
    sheet.put(if major < LEAST_MAJOR {
        Line::failed(Check::SqlVersion, found, "farmhand manages SQL Server 2012 and later")
    } else {
        Line::passed(Check::SqlVersion, found)
    });
    let sysadmin = row.get("is_sysadmin").and_then(serde_json::Value::as_i64) == Some(1);
    sheet.put(if sysadmin {
        Line::passed(Check::SqlRights, format!("{login} is sysadmin"))
    } else {
        let advice = format!(
            "trace flags and keys need it: ALTER SERVER ROLE sysadmin ADD MEMBER [{login}]; for databases, logins and users \
             alone dbcreator and securityadmin do"
        );
        Line::failed(Check::SqlRights, format!("{login} is not sysadmin"), advice)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;
    use crate::doctor::told::Service;
    use crate::hostcall::Refusal;
    use serde_json::json;

    fn told(state: &str) -> Told {
        let service = Service { name: "MSSQLSERVER".to_owned(), state: state.to_owned(), ..Service::default() };
        Told { services: Some(vec![service]), ..Told::default() }
    }

    fn answer(version: &str, sysadmin: i64) -> Answer {
        Answer::Present(json!({
            "columns": ["server_name", "product_version", "edition", "login_name", "is_sysadmin"],
            "rows": [["SQL01", version, "Standard Edition (64-bit)", "CORP\\ops", sysadmin]],
        }))
    }

    fn outcomes(told: &Told, instance: &str, answer: Answer) -> Vec<Outcome> {
        let mut sheet = Sheet::new([]);
        by_the_machine(&mut sheet, told, instance, Some(answer));
        sheet.finish().iter().map(|line| line.outcome).collect()
    }

    #[test]
    fn each_step_fails_by_itself() {
        use Outcome::{Failed, NotReached, Passed};
        let runs = told("Running");
        assert_eq!(outcomes(&runs, "", answer("15.0.4355.3", 1)), [Passed; 4]);
        assert_eq!(outcomes(&runs, "", answer("15.0.4355.3", 0)), [Passed, Passed, Passed, Failed]);
        assert_eq!(outcomes(&runs, "", answer("10.50.1", 1)), [Passed, Passed, Failed, Passed]);
        let refused = Answer::Refused(Refusal::sql(18456, 14, 1, "Login failed for user 'CORP\\ops'."));
        assert_eq!(outcomes(&runs, "", refused), [Passed, Failed, NotReached, NotReached]);
        assert_eq!(outcomes(&told("Stopped"), "", answer("15.0", 1)), [Failed, NotReached, NotReached, NotReached]);
        assert_eq!(outcomes(&runs, "CHAT", answer("15.0", 1))[0], Failed);
    }

    #[test]
    fn a_host_without_sql_server_is_not_asked() {
        assert_eq!(wanted(&Told::default(), ""), None);
        assert_eq!(wanted(&told("Running"), ""), Some(String::new()));
        assert_eq!(wanted(&Told::default(), "CHAT"), Some("CHAT".to_owned()));
    }
}
