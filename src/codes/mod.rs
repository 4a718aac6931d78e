//! Error codes that operators of a Windows farm meet: what each means, and what to do. Data, one file an area.

mod asked;
mod entry;

use std::sync::LazyLock;

pub use asked::{Asked, Found, look_up};
pub use entry::{Area, Entry};

/// Every entry, area by area.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let files = [
        include_str!("winrm.toml"),
        include_str!("kerberos.toml"),
        include_str!("sspi.toml"),
        include_str!("windows.toml"),
        include_str!("was.toml"),
        include_str!("iis.toml"),
        include_str!("sql.toml"),
        include_str!("exit.toml"),
    ];
    files
        .into_iter()
        .flat_map(|text| {
            entry::read(text).unwrap_or_else(|error| unreachable!("a list of codes is not as it must be: {error}"))
        })
        .collect()
});

/// Every entry, area by area.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// What to do about an error of SQL Server; `None` where its own words say enough.
pub fn sql_advice(number: i32) -> Option<&'static str> {
    let number = number.to_string();
    let of_sql = ENTRIES.iter().filter(|entry| entry.area == Area::Sql);
    of_sql.clone().find(|entry| entry.codes.contains(&number)).map(|entry| entry.todo.as_str())
}

/// What is known of a code of Kerberos.
pub fn kerberos(code: i64) -> Option<&'static Entry> {
    let code = code.to_string();
    ENTRIES.iter().find(|entry| entry.area == Area::Kerberos && entry.codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_is_complete_and_its_codes_are_its_own() {
        assert!(entries().len() >= 80, "{}", entries().len());
        let mut seen = BTreeSet::new();
        for entry in entries() {
            let first = entry.codes.first().expect("an entry without a code");
            for text in [&entry.name, &entry.means, &entry.todo, &entry.source] {
                assert!(!text.trim().is_empty() && !text.ends_with('.'), "{first}: {text:?}");
                assert!(!text.contains("  ") && text.lines().count() == 1, "{first}: {text:?}");
            }
            assert!(entry.commands.iter().all(|command| !command.trim().is_empty()), "{first}");
            for code in &entry.codes {
                for spelling in asked::spellings(entry.area, code) {
                    assert!(seen.insert((entry.area, spelling.clone())), "{:?} {spelling:?} twice", entry.area);
                }
            }
        }
        for area in Area::ALL {
            assert!(entries().iter().any(|entry| entry.area == area), "{area:?} is empty");
        }
    }

    #[test]
    fn what_they_point_at_is_there() {
        for entry in entries() {
            for text in std::iter::once(&entry.todo).chain(&entry.commands) {
                let Some((_, code)) = text.split_once("farmhand explain ") else { continue };
                let codes = code.split(';').next().unwrap_or_default().trim_matches('\'');
                for code in codes.split(", ").filter(|code| *code != "CODE") {
                    assert!(matches!(look_up(code), Asked::Known(_)), "{}: {code}", entry.codes[0]);
                }
            }
        }
    }

    #[test]
    fn advice_about_sql_server_is_the_same_everywhere() {
        assert_eq!(sql_advice(911), Some("create the database first, with a sql_database step, or mend its name"));
        assert_eq!(sql_advice(15117), sql_advice(15114));
        assert!(sql_advice(28054).is_some_and(|advice| advice.contains("sql_master_key")));
        assert_eq!(sql_advice(1), None);
    }
}
